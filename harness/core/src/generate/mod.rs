//! Generated scenarios: from a seed to the text of a scenario that is valid, and that every network of healthy
//! nodes passes. The same seed and limits give the same text on any machine.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`asked`] | seed, limits, and where it is to run |
//! | `dice` | what is drawn |
//! | `network` | groups, and who knows whom |
//! | `acts` | what can be done |
//! | `choice` | what comes next |
//! | `stage` | the phases, and who is up in each |
//! | `checks` | what is asked of them |
//! | [`night`] | one scenario for each seed of a range, and what they came to |
//!
//! # What is asked, and why it must hold
//!
//! A generated scenario knows no story, so it asks only for what follows from the node contract. All of it is
//! asked when every fault that cuts or ends somebody is over; while one lasts, of nobody but those who still
//! have sessions with each other.
//!
//! | check | why it must hold |
//! | --- | --- |
//! | `peers` | Lists of seeds make one connected graph and are tried for ever, so everybody has a session with somebody of each part; addresses are passed on, so everybody hears of everybody. A node dials until it has eight: with nine nodes or fewer that is everybody. Nodes that cannot be dialled dial, and only they have fewer: those that can be dialled. Dials that fail during an outage wait 30 s, then a minute; outages are shorter than what would bring the third wait, and the window is a minute and a half |
//! | `same-genesis` | One build, one `--dev` chain |
//! | `height-advances` | Somebody mines among the named nodes or in session with them. The window is what a chain of so many miners needs but one time in a million, and 90 s for who has to find the others first |
//! | `same-chain` | Connected nodes take the heaviest chain. Above the fault's heights: the lighter chain may have been higher, so the window has eight blocks more, and the time in which peers are found |
//! | `catches-up` | The same for one node; `own-state` because SIGKILL loses nothing that was acknowledged, `genesis` where its chain was removed or it had none |
//! | `identity-stable` | The identity's file stays, whatever else is removed or damaged |
//! | `sync-truth` | In a phase of its own, when peers and chain have been seen to be as they should: until then a node that has nobody yet cannot know that it is behind |
//! | `topology` | One part, by `peers`; not asked of a group that cannot be dialled alone |
//! | `no-restart`, `alive` | Nothing is done in that phase |
//! | `no-stall` | A gap that chance makes one time in a million, and 10 s |
//!
//! What is not done, because nothing is promised of it: a damaged chain database; a clock beside other
//! miners' (its block need not be the newest) or behind; an upgrade (there is one build); anything after somebody left for
//! good, or an address book that is lost after a seed's name was given to another node.

mod acts;
pub mod asked;
mod checks;
mod choice;
mod dice;
mod network;
pub mod night;
mod stage;

use toml::Value;

pub use self::asked::{Asked, Where};
use self::{acts::Act, dice::Dice, network::Network, stage::Stage};
use crate::{
    fault::Capability,
    script::{Script, table},
};

/// What a generated scenario is called.
pub fn name(seed: u64) -> String {
    format!("generated-{seed}")
}

/// The text of the scenario that follows a seed.
pub fn generate(asked: &Asked) -> String {
    let mut dice = Dice::new(asked.seed);
    let network = Network::draw(&mut dice, asked.nodes, asked.place.can(Capability::Names));
    let late = !network.late().is_empty();
    let mut stage = Stage::begin(network, asked.place, &mut dice);
    let acts = dice.between(1, asked.faults);
    let joined = if late { dice.between(1, acts) } else { 0 };
    let mut done = Vec::new();
    for number in 1..=acts {
        let act = if number == joined {
            Act::Join
        } else {
            choice::draw(&stage, number == acts, &mut dice)
        };
        stage.act(act, number, &mut dice);
        done.push(act.words());
    }
    stage.end(&mut dice);
    format!("{}\n{}", head(asked), script(stage, &done))
}

fn head(asked: &Asked) -> String {
    let Asked { seed, nodes, faults, place } = *asked;
    let place = place.name();
    format!(
        "# Generated (version {version}), and made again with\n#   harness generate --seed {seed} --nodes {nodes} --faults {faults} --provider {place}\n# Run it with\n#   harness scenario --provider {place} --seed {seed} FILE\n# A failure is one of the nodes or of the generator, which asks only for what every network must do;\n# `harness shrink BUNDLE` makes it smaller.\n",
        version = asked::VERSION,
    )
}

fn script(stage: Stage, done: &[&str]) -> Script {
    let network = &stage.network;
    let description =
        format!("{}, {} nodes: {}", network.shape.words(), network.all().len(), done.join(", "));
    let mut script = Script::default();
    let scenario = table([("description", description.into()), ("tags", vec!["generated"].into())]);
    let mut lines = table([("block_time", format!("{}s", network.block_time).into())]);
    if network.by_name {
        lines.insert("seeds".to_owned(), "names".into());
    }
    script.0.insert("scenario".to_owned(), scenario.into());
    script.0.insert("network".to_owned(), lines.into());
    let groups = network.tables().into_iter().chain(stage.villains).map(Value::Table);
    script.list_mut("nodes").extend(groups);
    script.list_mut("phases").extend(stage.phases.into_iter().map(Value::Table));
    script
}

#[cfg(test)]
mod tests;
