//! Random operations on the queue and on a plain list must agree, over clock jumps and reopenings.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

static NOW: AtomicI64 = AtomicI64::new(0);

fn now() -> i64 {
    NOW.load(Ordering::SeqCst)
}

const LEASE: i64 = 15_000;

/// SplitMix64: enough for tests, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let length = u64::try_from(from.len()).unwrap();
        (length > 0).then(|| &from[usize::try_from(self.below(length)).unwrap()])
    }
}

#[derive(Clone)]
struct Kept {
    order: u64,
    id: SubmissionId,
    body: Vec<u8>,
    due: i64,
    set: i64,
    leased: bool,
    leases: i64,
    attempt: u32,
}

#[derive(Default)]
struct Model {
    kept: Vec<Kept>,
    dead: BTreeMap<SubmissionId, Vec<u8>>,
    latest: Option<i64>,
    puts: u64,
}

impl Model {
    fn put(&mut self, id: SubmissionId, body: &[u8]) -> bool {
        if self.kept.iter().any(|kept| kept.id == id) {
            return false;
        }
        self.puts += 1;
        let (order, body) = (self.puts, body.to_vec());
        let (due, set) = (now(), now());
        self.kept.push(Kept { order, id, body, due, set, leased: false, leases: 0, attempt: 0 });
        true
    }

    fn lease(&mut self, max: usize) -> Vec<(SubmissionId, u32, i64)> {
        if self.latest.is_none_or(|latest| latest > now()) {
            for kept in self.kept.iter_mut().filter(|kept| kept.set > now()) {
                (kept.due, kept.set) = (now(), now());
            }
        }
        self.latest = Some(now());
        self.kept.sort_by_key(|kept| (kept.due, kept.order));
        let due = self.kept.iter_mut().filter(|kept| kept.due <= now()).take(max);
        due.map(|kept| {
            (kept.due, kept.set, kept.leased) = (now() + LEASE, now(), true);
            kept.leases += 1;
            kept.attempt += 1;
            (kept.id, kept.attempt, kept.leases)
        })
        .collect()
    }

    /// The message that a lease is about, if that lease still holds.
    fn held(&mut self, lease: &(SubmissionId, u64, LeaseReceipt)) -> Option<&mut Kept> {
        self.kept.iter_mut().find(|kept| {
            kept.id == lease.0 && kept.order == lease.1 && kept.leases == lease.2.fence && kept.leased
        })
    }

    fn forget(&mut self, id: SubmissionId) {
        self.kept.retain(|kept| kept.id != id);
    }

    fn depth(&self) -> (u64, u64, u64, u64) {
        let count =
            |wanted: &dyn Fn(&&Kept) -> bool| u64::try_from(self.kept.iter().filter(wanted).count()).unwrap();
        (
            count(&|kept| kept.due <= now()),
            count(&|kept| kept.due > now() && kept.leased),
            count(&|kept| kept.due > now() && !kept.leased),
            u64::try_from(self.dead.len()).unwrap(),
        )
    }
}

async fn run(seed: u64) {
    NOW.store(1_000_000_000, Ordering::SeqCst);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue.db");
    let reopen = || {
        let mut queues = SqliteQueues::open(&path, QueueOptions::default()).unwrap();
        queues.clock = now;
        queues
    };
    let mut queues = reopen();
    let mut queue = queues.queue(&word("q"));
    let mut model = Model::default();
    let mut random = Random(seed);
    let ids: Vec<_> = (0..10).map(|_| crate::id::tests::new_id()).collect();
    let mut leases: Vec<(SubmissionId, u64, LeaseReceipt)> = Vec::new();

    for step in 0..300_u32 {
        let place = format!("seed {seed}, step {step}");
        match random.below(20) {
            0..=5 => {
                let (id, body) = (*random.pick(&ids).unwrap(), step.to_be_bytes());
                let stored = queue.put(Message { id, body: body.to_vec() }).await.unwrap() == Put::Stored;
                assert_eq!(stored, model.put(id, &body), "{place}");
            }
            6..=9 => {
                let max = usize::try_from(random.below(4)).unwrap();
                let taken = queue.lease(max, AT_ONCE).await.unwrap();
                let mut expected = model.lease(max);
                let mut got: Vec<_> =
                    taken.iter().map(|l| (l.message.id, l.attempt, l.receipt.fence)).collect();
                expected.sort();
                got.sort();
                assert_eq!(got, expected, "{place}");
                for leased in taken {
                    let kept = model.kept.iter().find(|kept| kept.id == leased.message.id).unwrap();
                    assert_eq!(kept.body, leased.message.body, "{place}");
                    leases.push((kept.id, kept.order, leased.receipt));
                }
            }
            10..=15 => {
                // Any lease ever given, most of them stale.
                let recent = leases.len().saturating_sub(8);
                let Some(lease) = random.pick(&leases[recent..]) else { continue };
                let (receipt, id) = (copy(&lease.2), lease.0);
                let held = model.held(lease);
                let holds = held.is_some();
                let result = match (random.below(5), held) {
                    (0 | 1, held) => {
                        if held.is_some() {
                            model.forget(id);
                        }
                        queue.ack(receipt).await
                    }
                    (2, held) => {
                        let delay = random.below(3) * 7_000;
                        if let Some(kept) = held {
                            kept.attempt -= 1;
                            kept.leased = false;
                            (kept.due, kept.set) = (now() + i64::try_from(delay).unwrap(), now());
                        }
                        queue.nack(receipt, Duration::from_millis(delay)).await
                    }
                    (3, held) => {
                        if let Some(kept) = held {
                            (kept.due, kept.set) = (now() + LEASE, now());
                        }
                        queue.extend(&receipt).await
                    }
                    (_, held) => {
                        if let Some(kept) = held {
                            let body = kept.body.clone();
                            model.dead.insert(id, body);
                            model.forget(id);
                        }
                        queue.dead_letter(receipt, &word("reason")).await
                    }
                };
                assert_eq!(result.is_ok(), holds, "{place}: {result:?}");
                assert!(holds || matches!(result, Err(QueueError::Stale)), "{place}: {result:?}");
            }
            16 => {
                let id = *random.pick(&ids).unwrap();
                let dead = model.dead.remove(&id);
                if let Some(body) = &dead {
                    model.put(id, body);
                }
                assert_eq!(queue.redrive(id).await.unwrap(), dead.is_some(), "{place}");
            }
            17 => drop(NOW.fetch_add(i64::try_from(random.below(20_000)).unwrap(), Ordering::SeqCst)),
            18 if random.below(4) == 0 => drop(NOW.fetch_sub(100_000, Ordering::SeqCst)),
            18 => drop(NOW.fetch_add(1, Ordering::SeqCst)),
            _ => {
                queues.close().await;
                queues = reopen();
                queue = queues.queue(&word("q"));
                model.latest = None;
            }
        }
        let depth = queue.depth().await.unwrap();
        assert_eq!((depth.ready, depth.leased.unwrap(), depth.delayed, depth.dead), model.depth(), "{place}");
    }
    let listed: Vec<_> = queue.list(100).await.unwrap().into_iter().map(|line| line.id).collect();
    assert_eq!(listed.len(), model.kept.len());
    assert!(model.kept.iter().all(|kept| listed.contains(&kept.id)));
    let dead: Vec<_> = queue.dead_letters(100).await.unwrap().into_iter().map(|line| line.id).collect();
    assert_eq!(dead.len(), model.dead.len());
}

#[tokio::test]
async fn queue_does_what_the_model_does() {
    for seed in 0..4 {
        run(seed).await;
    }
}
