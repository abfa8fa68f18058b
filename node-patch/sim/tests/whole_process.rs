//! The box's processes and disks end as real ones do.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hegemon_node::{
    chain::{Chain, ChainParams, Template},
    host::Tasks,
};
use hegemon_sim::whole::{
    disk::{Disk, Loss},
    life::{Life, Process, current},
    net::HostId,
};
use redb::StorageBackend;
use tokio::time::sleep;

const HOST: HostId = HostId(3);
const STEP: Duration = Duration::from_millis(10);

/// Counts its own turns for ever, and says when it is dropped.
fn counter(tasks: &Tasks) -> (Arc<AtomicU64>, Arc<AtomicU64>) {
    struct Says(Arc<AtomicU64>);
    impl Drop for Says {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let (turns, drops) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let (counted, says) = (turns.clone(), Says(drops.clone()));
    let work = async move {
        let _says = says;
        loop {
            sleep(STEP).await;
            counted.fetch_add(1, Relaxed);
            assert_eq!(current(), Some(HOST));
        }
    };
    tasks.spawn(work).detach();
    (turns, drops)
}

#[tokio::test(start_paused = true)]
async fn what_is_ended_does_not_run_again_and_is_dropped_at_once() {
    let process = Process::new(HOST, 1, 0);
    let tasks = Tasks::over(process.clone());
    let (turns, drops) = counter(&tasks);
    sleep(STEP * 5).await;
    let before = turns.load(Relaxed);
    assert!(before >= 4);
    process.end();
    assert_eq!((drops.load(Relaxed), process.life(), tasks.alive()), (1, Life::Dead, 0));
    sleep(STEP * 5).await;
    assert_eq!(turns.load(Relaxed), before);
    let (turns, drops) = counter(&tasks);
    sleep(STEP * 5).await;
    assert_eq!((turns.load(Relaxed), drops.load(Relaxed)), (0, 1), "the dead start nothing");
    assert_eq!(current(), None);
}

#[tokio::test(start_paused = true)]
async fn what_stands_still_goes_on_where_it_was() {
    let process = Process::new(HOST, 1, 0);
    let (turns, _drops) = counter(&Tasks::over(process.clone()));
    sleep(STEP * 5).await;
    process.freeze();
    let before = turns.load(Relaxed);
    sleep(STEP * 50).await;
    assert_eq!(turns.load(Relaxed), before);
    process.thaw();
    sleep(STEP * 5).await;
    assert!((before + 3..before + 7).contains(&turns.load(Relaxed)));
}

#[tokio::test(start_paused = true)]
async fn one_task_that_panics_takes_the_others_along() {
    let process = Process::new(HOST, 1, 0);
    let tasks = Tasks::over(process.clone());
    let (turns, drops) = counter(&tasks);
    let falling = async {
        sleep(STEP * 3).await;
        panic!("as it was told to");
    };
    tasks.spawn(falling).detach();
    let (ends, ended) = tokio::sync::oneshot::channel();
    process.when_it_ends(move || ends.send(()).unwrap());
    ended.await.unwrap();
    let before = turns.load(Relaxed);
    sleep(STEP * 5).await;
    assert_eq!(turns.load(Relaxed), before);
    process.end();
    assert_eq!(drops.load(Relaxed), 1);
    assert_eq!(process.life(), Life::Panicked("as it was told to".to_owned()));
}

/// In which order two tasks that are ready together have their turns.
async fn order(seed: u64, yields: u64) -> Vec<u64> {
    let tasks = Tasks::over(Process::new(HOST, seed, yields));
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    for name in 0..4 {
        let order = order.clone();
        let work = async move {
            for _ in 0..8 {
                sleep(STEP).await;
                order.lock().unwrap().push(name);
            }
        };
        tasks.spawn(work).detach();
    }
    sleep(STEP * 20).await;
    let order = order.lock().unwrap();
    order.clone()
}

#[tokio::test(start_paused = true)]
async fn yields_change_the_order_of_tasks_by_the_seed_and_by_nothing_else() {
    let (plain, one) = (order(1, 0).await, order(1, 300).await);
    assert_ne!(plain, one);
    assert_eq!(one, order(1, 300).await);
    assert_ne!(one, order(2, 300).await);
}

fn params() -> ChainParams {
    ChainParams::trivial("box")
}

fn mine(chain: &Chain, count: u64) {
    for _ in 0..count {
        let parent = chain.block(&chain.best().hash).unwrap().unwrap();
        let time = parent.header().pow_claim().unwrap().timestamp_ms.max(1_800_000_000_000) + 1;
        let block = Template::on(&params(), parent.header(), [1; 32], time, vec![]).mine(0);
        chain.import(&block, 2_000_000_000_000).unwrap().unwrap();
    }
}

#[test]
fn a_chain_survives_a_kill_and_a_power_loss_at_any_operation() {
    let mut disk = Disk::default();
    let mut cut_short = 0;
    for life in 0..26 {
        let chain = Chain::on(disk.clone(), params()).unwrap();
        mine(&chain, 2);
        let shown = chain.best();
        disk.lose_after(life % 13, || {});
        let parent = chain.block(&shown.hash).unwrap().unwrap();
        let time = parent.header().pow_claim().unwrap().timestamp_ms + 1;
        let block = Template::on(&params(), parent.header(), [2; 32], time, vec![]).mine(0);
        let is_acknowledged = chain.import(&block, 2_000_000_000_000).is_ok();
        cut_short += u64::from(!is_acknowledged);
        let shown = chain.best();
        drop(chain);
        let loss = if life % 2 == 0 { Loss::Power } else { Loss::Process };
        disk = disk.after(loss, 5, (0, life));
        let audit = Chain::on(disk.clone(), params()).unwrap().audit().unwrap();
        assert!(!shown.beats(&audit.best), "{life}: {shown:?} was shown, {:?} is left", audit.best);
    }
    assert!((8..26).contains(&cut_short), "{cut_short}");
}

#[test]
fn what_was_not_synced_is_there_after_a_kill_and_may_be_gone_after_a_power_loss() {
    let written = |loss, life| {
        let disk = Disk::default();
        disk.set_len(4_096).unwrap();
        disk.sync_data().unwrap();
        disk.write(0, &[1; 4_096]).unwrap();
        let next = disk.after(loss, 9, (0, life));
        assert!(disk.write(0, &[2; 8]).is_err(), "its process is gone");
        let mut bytes = [0; 4_096];
        next.read(0, &mut bytes).unwrap();
        bytes.iter().filter(|byte| **byte == 1).count()
    };
    assert_eq!(written(Loss::Process, 0), 4_096);
    let left: Vec<usize> = (0..20).map(|life| written(Loss::Power, life)).collect();
    assert!(left.contains(&4_096) && left.iter().any(|bytes| (1..4_096).contains(bytes)));
}
