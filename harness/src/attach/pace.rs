//! When a node may be asked next: turns that are as far apart as was asked for, whoever takes them, and
//! none as long as it wants none.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use harness_core::event::Miss;
use tokio::time::{Instant, sleep_until};

/// A node that wants to be asked later and does not say when is left alone for so long.
const MOMENT: Duration = Duration::from_secs(1);

/// A node cannot make us wait longer than this; a run has judged it long before.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// One node's.
#[derive(Debug)]
pub(super) struct Pace {
    every: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The next turn that nobody has.
    next: Instant,
    /// It wants none before.
    later: Instant,
    /// A turn has come that nobody has used yet.
    held: bool,
}

impl Pace {
    /// So many turns in a second.
    pub(super) fn new(rate: f64) -> Self {
        let now = Instant::now();
        let every = Duration::from_secs_f64(1.0 / rate);
        Self { every, state: Mutex::new(State { next: now, later: now, held: false }) }
    }

    /// Waits for a turn in which the node may be asked at once: the next [`Self::turn`] is that one. It is
    /// queued for like any other, so that nobody who asks without it can push ahead for ever.
    pub(super) async fn ready(&self) {
        loop {
            let at = {
                let mut state = self.lock();
                if state.later > Instant::now() {
                    Err(state.later)
                } else {
                    Ok(self.queue(&mut state))
                }
            };
            sleep_until(at.unwrap_or_else(|later| later)).await;
            let mut state = self.lock();
            if at.is_ok() && state.later <= Instant::now() {
                state.held = true;
                return;
            }
        }
    }

    /// Takes a turn, and waits for it.
    ///
    /// # Errors
    ///
    /// If the node wants none now, however long that is: to wait would make the answer look late.
    pub(super) async fn turn(&self) -> Result<(), Miss> {
        let at = {
            let mut state = self.lock();
            let now = Instant::now();
            if state.later > now {
                return Err(busy(state.later - now));
            }
            if std::mem::take(&mut state.held) {
                return Ok(());
            }
            self.queue(&mut state)
        };
        sleep_until(at).await;
        let (later, now) = (self.lock().later, Instant::now());
        if later > now { Err(busy(later - now)) } else { Ok(()) }
    }

    fn queue(&self, state: &mut State) -> Instant {
        let at = state.next.max(Instant::now());
        state.next = at + self.every;
        at
    }

    /// What came back: a wish to be asked later holds for everybody who asks.
    pub(super) fn heard(&self, miss: &Miss) {
        if let Miss::Busy { retry_ms } = miss {
            let wish = retry_ms.map_or(MOMENT, Duration::from_millis).clamp(MOMENT, LONGEST);
            let mut state = self.lock();
            state.later = state.later.max(Instant::now() + wish);
            state.held = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn busy(still: Duration) -> Miss {
    Miss::Busy { retry_ms: u64::try_from(still.as_millis()).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_as_far_apart_as_was_asked_whoever_takes_them() {
        let (pace, start) = (Pace::new(2.0), Instant::now());
        let taken = futures_util::future::join_all((0..6).map(|_| async {
            pace.turn().await.unwrap();
            start.elapsed().as_millis()
        }));
        assert_eq!(taken.await, [0, 500, 1000, 1500, 2000, 2500]);
        pace.ready().await;
        assert_eq!(start.elapsed().as_millis(), 3000);
        pace.turn().await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 3000, "it was had already");
        tokio::time::sleep(Duration::from_secs(10)).await;
        // What was not taken is not saved up.
        pace.turn().await.unwrap();
        pace.turn().await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 13_500);
    }

    /// Somebody who asks whenever he may leaves every other turn to who waits for one.
    #[tokio::test(start_paused = true)]
    async fn nobody_is_pushed_aside() {
        let (pace, start) = (Pace::new(2.0), Instant::now());
        let greedy = async {
            loop {
                pace.turn().await.unwrap();
            }
        };
        let fair = async {
            for _ in 0..10 {
                pace.ready().await;
                pace.turn().await.unwrap();
            }
        };
        tokio::select! {
            () = greedy => {}
            () = fair => {}
        }
        assert!(start.elapsed() <= Duration::from_secs(15), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_to_be_asked_later_holds_for_everybody() {
        let (pace, start) = (Pace::new(2.0), Instant::now());
        pace.turn().await.unwrap();
        let (_, waiting) = tokio::join!(
            async { pace.heard(&Miss::Busy { retry_ms: Some(120_000) }) },
            pace.turn()
        );
        assert!(matches!(waiting, Err(Miss::Busy { .. })), "{waiting:?}");
        assert_eq!(pace.turn().await, Err(Miss::Busy { retry_ms: Some(120_000) }));
        pace.ready().await;
        assert!(start.elapsed() >= Duration::from_secs(120));
        pace.turn().await.unwrap();
        pace.heard(&Miss::Busy { retry_ms: None });
        pace.ready().await;
        assert!(start.elapsed() >= Duration::from_secs(121));
    }
}
