//! What can be done to a network: acts of one fault, or of one and what ends it.

use super::{dice::Dice, network::Nodes};

/// One thing that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Ends nodes and starts them again: `restart` or `kill`.
    Bounce(&'static str),
    /// The same over two phases, with `start`.
    Down(&'static str),
    /// Freezes nodes.
    Pause,
    /// The same over two phases.
    Freeze,
    /// Cuts or spoils lines: `isolate`, `partition`, `one-way` or `degrade`.
    Line(&'static str),
    /// The same over two phases.
    Cut(&'static str),
    /// Newcomers.
    Join,
    /// Somebody leaves for good: nothing comes after it.
    Leave,
    /// Files are gone, or damaged.
    Wipe,
    Corrupt,
    /// A clock that is off.
    Clock,
    Limit,
    OccupyPort,
    /// A seed's name means another node.
    Rename,
    Hostile,
    Storm,
    /// One fault while another lasts.
    Overlap,
    /// Somebody is restarted while somebody else is down, over three phases.
    Beside,
}

impl Act {
    /// All but `join`, which has its own time.
    pub(super) const ALL: [Self; 25] = [
        Self::Bounce("restart"),
        Self::Bounce("kill"),
        Self::Down("stop"),
        Self::Down("kill"),
        Self::Pause,
        Self::Freeze,
        Self::Line("isolate"),
        Self::Line("partition"),
        Self::Line("one-way"),
        Self::Line("degrade"),
        Self::Cut("isolate"),
        Self::Cut("partition"),
        Self::Cut("one-way"),
        Self::Cut("degrade"),
        Self::Leave,
        Self::Wipe,
        Self::Corrupt,
        Self::Clock,
        Self::Limit,
        Self::OccupyPort,
        Self::Rename,
        Self::Hostile,
        Self::Storm,
        Self::Overlap,
        Self::Beside,
    ];

    /// Its fault, for the description.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Bounce(fault) | Self::Down(fault) | Self::Line(fault) | Self::Cut(fault) => fault,
            Self::Pause | Self::Freeze => "pause",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Wipe => "wipe",
            Self::Corrupt => "corrupt",
            Self::Clock => "clock",
            Self::Limit => "limit",
            Self::OccupyPort => "occupy-port",
            Self::Rename => "rename",
            Self::Hostile => "hostile",
            Self::Storm => "storm",
            Self::Overlap => "two at once",
            Self::Beside => "a restart while another is away",
        }
    }
}

/// One of the nodes.
pub(super) fn one(nodes: &Nodes, dice: &mut Dice) -> Nodes {
    let all: Vec<&String> = nodes.iter().collect();
    dice.pick(&all).map(|node| (*node).clone()).into_iter().collect()
}

/// Two sides of the nodes, nobody on both; what is left over is on neither.
pub(super) fn sides(nodes: &Nodes, dice: &mut Dice) -> (Nodes, Nodes) {
    let mut all: Vec<String> = nodes.iter().cloned().collect();
    dice.shuffle(&mut all);
    let most = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let other = all.split_off(dice.between(1, most.saturating_sub(1)) as usize);
    (all.into_iter().collect(), other.into_iter().collect())
}
