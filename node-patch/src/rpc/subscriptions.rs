//! What one WebSocket is subscribed to.

use std::collections::BTreeMap;

use jsonrpsee_types::{
    ErrorObjectOwned, Notification, Params, SubscriptionId, SubscriptionPayload,
    error::reject_too_many_subscriptions,
};
use serde_json::Value;

use super::{call::Answer, limits::MAX_SUBSCRIPTIONS, params};

/// Of what a subscriber is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heads {
    /// Each new best block; of several at once, or for a client that reads slowly, the newest.
    New,
    /// The last block that no other can replace. Proof of work has no such block but genesis.
    Finalized,
}

/// Whether a method begins or ends a subscription.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Subscribe,
    Unsubscribe,
}

/// Methods that only a WebSocket has.
const METHODS: &[(&str, Verb, Heads)] = &[
    ("chain_subscribeFinalizedHeads", Verb::Subscribe, Heads::Finalized),
    ("chain_subscribeNewHeads", Verb::Subscribe, Heads::New),
    ("chain_unsubscribeFinalizedHeads", Verb::Unsubscribe, Heads::Finalized),
    ("chain_unsubscribeNewHeads", Verb::Unsubscribe, Heads::New),
];

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|(name, ..)| *name)
}

/// One subscription: its number on its connection.
type Number = u64;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    last: Number,
    heads: BTreeMap<Number, Heads>,
    /// Those that have been told of no block yet.
    fresh: Vec<Number>,
}

impl Subscriptions {
    /// The result of a call, if its method is one of these.
    pub(super) fn call(&mut self, name: &str, params: &Params<'_>) -> Option<Answer> {
        let (_, verb, heads) = METHODS.iter().find(|(known, ..)| *known == name)?;
        Some(match verb {
            Verb::Subscribe => self.subscribe(*heads, params),
            Verb::Unsubscribe => self.unsubscribe(*heads, params),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Who waits for the first block: to be told once the answer that names the subscription is out.
    pub(super) fn take_fresh(&mut self) -> Vec<(Number, Heads)> {
        let fresh = std::mem::take(&mut self.fresh);
        fresh.into_iter().filter_map(|one| Some((one, *self.heads.get(&one)?))).collect()
    }

    /// Who is told when there is a new best block: those who wait for such, and the fresh ones.
    pub(super) fn take_all(&mut self) -> Vec<(Number, Heads)> {
        let fresh = std::mem::take(&mut self.fresh);
        let told =
            |(number, heads): &(&Number, &Heads)| **heads == Heads::New || fresh.contains(number);
        self.heads.iter().filter(told).map(|(number, heads)| (*number, *heads)).collect()
    }

    fn subscribe(&mut self, heads: Heads, params: &Params<'_>) -> Answer {
        params::none(params)?;
        if self.heads.len() >= MAX_SUBSCRIPTIONS {
            return Err(reject_too_many_subscriptions(MAX_SUBSCRIPTIONS as u32));
        }
        self.last += 1;
        self.heads.insert(self.last, heads);
        self.fresh.push(self.last);
        Ok(id(self.last).into())
    }

    /// Whether there was one.
    fn unsubscribe(
        &mut self,
        heads: Heads,
        params: &Params<'_>,
    ) -> Result<Value, ErrorObjectOwned> {
        let asked = params::subscription(params)?;
        let found = self.heads.iter().find(|(number, of)| id(**number) == asked && **of == heads);
        let found = found.map(|(number, _)| *number);
        Ok(found.and_then(|number| self.heads.remove(&number)).is_some().into())
    }
}

/// What a subscriber gets.
pub(super) fn notification(number: Number, heads: Heads, header: &Value) -> String {
    let method = match heads {
        Heads::New => "chain_newHead",
        Heads::Finalized => "chain_finalizedHead",
    };
    let subscription = SubscriptionId::Str(id(number).into());
    let notification =
        Notification::new(method.into(), SubscriptionPayload { subscription, result: header });
    serde_json::to_string(&notification).expect("JSON values and strings are what JSON can hold")
}

/// As text: client libraries take numbers above 2^53 for others, and expect text of Substrate.
fn id(number: Number) -> String {
    format!("{number:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(subscriptions: &mut Subscriptions, name: &str, params: &str) -> Value {
        subscriptions.call(name, &Params::new(Some(params))).unwrap().unwrap()
    }

    #[test]
    fn each_is_told_first_of_the_block_that_there_is_and_then_of_what_it_asked_for() {
        let mut all = Subscriptions::default();
        let new = call(&mut all, "chain_subscribeNewHeads", "[]");
        let finalized = call(&mut all, "chain_subscribeFinalizedHeads", "[]");
        assert_ne!(new, finalized);
        assert_eq!(all.take_fresh(), [(1, Heads::New), (2, Heads::Finalized)]);
        assert_eq!(all.take_fresh(), []);
        assert_eq!(all.take_all(), [(1, Heads::New)]);
        call(&mut all, "chain_subscribeFinalizedHeads", "[]");
        assert_eq!(all.take_all(), [(1, Heads::New), (3, Heads::Finalized)]);
        assert_eq!(all.take_all(), [(1, Heads::New)]);
        assert!(all.call("chain_getHeader", &Params::new(None)).is_none());
    }

    #[test]
    fn one_that_has_ended_is_told_nothing() {
        let mut all = Subscriptions::default();
        let id = call(&mut all, "chain_subscribeNewHeads", "[]");
        let params = format!("[{id}]");
        assert_eq!(call(&mut all, "chain_unsubscribeFinalizedHeads", &params), false);
        assert_eq!(call(&mut all, "chain_unsubscribeNewHeads", &params), true);
        assert_eq!(call(&mut all, "chain_unsubscribeNewHeads", &params), false);
        assert!(all.is_empty() && all.take_fresh().is_empty() && all.take_all().is_empty());
    }

    #[test]
    fn there_is_an_end_to_how_many() {
        let mut all = Subscriptions::default();
        for _ in 0..MAX_SUBSCRIPTIONS {
            call(&mut all, "chain_subscribeNewHeads", "[]");
        }
        let refused = all.call("chain_subscribeNewHeads", &Params::new(None)).unwrap().unwrap_err();
        assert_eq!(refused.code(), -32006);
    }
}
