//! A scenario's network for other tools: a compose file, or objects of Kubernetes. Pure: from a plan to a document. What
//! such a document cannot carry (faults, checks) is said at its top; what would be another network is refused.
//!
//! | module | what it is |
//! | --- | --- |
//! | `compose`, `kubernetes` | the documents, by the types that those tools have |
//! | `member` | a node as any of them has it |
//! | `remark` | what is said at the top |
//! | `ordered` | a table in the order in which it was made |

mod compose;
mod kubernetes;
mod member;
mod ordered;
mod remark;
#[cfg(test)]
mod tests;

pub use compose::compose;
pub use kubernetes::kubernetes;

/// Why a scenario's network is not exported.
#[derive(Debug, thiserror::Error)]
pub enum NoExport {
    /// It has adversaries.
    #[error(
        "{0} would be an adversary, which only the harness keeps to a network of its own; leave the group out"
    )]
    Hostile(String),
    /// A node is made of a file of this host.
    #[error(
        "{node} is made of a file ({what}), and other tools take images only: give its group an `image`"
    )]
    File {
        /// The node.
        node: String,
        /// What it is made of.
        what: String,
    },
    /// Pods live where such nodes dial nobody.
    #[error(
        "nodes of the kind {0} dial no private addresses, and pods have no others: they would never find each other. `export compose` has addresses that they dial"
    )]
    Private(String),
    /// A service has a name of a stricter kind than a host.
    #[error(
        "the group {0} would be a service of Kubernetes, whose names begin with a letter: give it another name"
    )]
    Name(String),
    /// It is no text.
    #[error("the document cannot be written: {0}")]
    Write(#[from] serde_saphyr::ser::Error),
}
