//! The harness's side of orders: any number of them at once, each with its answer.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
    task::AbortHandle,
};

use super::wire::{self, Answer, Order, Reply, Verb};

/// Orders that wait to be written.
const QUEUE: usize = 64;
/// What takes longest is a network of many hundred nodes: 500 of them, 11 s on two busy cores.
const LIMIT: Duration = Duration::from_secs(60);

/// `None`: nobody answers any more.
type Waiting = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Result<Answer, String>>>>>>;

/// Gives orders to one process.
#[derive(Debug)]
pub struct Client {
    next: AtomicU64,
    waiting: Waiting,
    orders: mpsc::Sender<Order>,
    tasks: [AbortHandle; 2],
}

impl Client {
    /// Over these streams, in this runtime.
    pub fn new(
        mut replies: impl AsyncRead + Unpin + Send + 'static,
        mut to: impl AsyncWrite + Unpin + Send + 'static,
    ) -> Self {
        let (orders, mut queue) = mpsc::channel::<Order>(QUEUE);
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let asked = Arc::clone(&waiting);
        let reading = tokio::spawn(async move {
            while let Ok(Some(Reply { id, outcome })) = wire::read(&mut replies).await {
                let mut waiting = asked.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(reply) = waiting.as_mut().and_then(|waiting| waiting.remove(&id)) {
                    let _ = reply.send(outcome);
                }
            }
            asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        });
        let writing = tokio::spawn(async move {
            while let Some(order) = queue.recv().await {
                if wire::write(&mut to, &order).await.is_err() {
                    break;
                }
            }
        });
        let tasks = [reading.abort_handle(), writing.abort_handle()];
        Self { next: AtomicU64::new(0), waiting, orders, tasks }
    }

    /// Whether anybody is there.
    pub fn is_open(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Has something done, in a namespace.
    ///
    /// # Errors
    ///
    /// Why it was not done, or that nobody answers.
    pub async fn order(&self, at: usize, verb: Verb) -> Result<Answer, String> {
        const GONE: &str = "the process that holds the nodes' networks is gone";
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        match self.waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(waiting) => waiting.insert(id, reply),
            None => return Err(GONE.to_owned()),
        };
        let answered = async {
            self.orders.send(Order { id, at, verb }).await.map_err(|_| GONE.to_owned())?;
            answer.await.map_err(|_| GONE.to_owned())?
        };
        match tokio::time::timeout(LIMIT, answered).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}
