//! Nodes that run already, somewhere: how they are reached, and that nothing but safe reads is sent to
//! them, no faster than was asked. Whether they are well is for a run to say.
//!
//! | module | what it is |
//! | --- | --- |
//! | `endpoint` | a URL, read strictly |
//! | `headers` | what questions carry that nobody may see |
//! | `pace` | when a node may be asked next |
//! | `tls` | whom this machine trusts |
//! | `remote` | a node behind a URL |
//! | `hidden` | names in place of addresses |

mod endpoint;
mod headers;
mod hidden;
mod pace;
mod remote;
mod tls;

pub use endpoint::{BadUrl, Endpoint, Scheme};
pub use headers::{BadHeader, read as read_headers};
pub use hidden::Hidden;
pub use remote::{Remote, SAFE};
pub use tls::{BadRoots, Roots};
