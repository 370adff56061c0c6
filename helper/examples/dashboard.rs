//! A dashboard to look at: shows it as a notebook would, and keeps two workers busy with tasks of every
//! kind until standard input is closed.
//!
//! `cargo run -p helper --example dashboard` prints what a notebook gets; Ctrl-D ends it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use helper::{Cluster, ObjectRef};

/// Computes for this long.
fn busy(time: Duration) {
    let end = Instant::now() + time;
    let mut x = 1_u64;
    while Instant::now() < end {
        x = std::hint::black_box(x.wrapping_mul(3));
    }
}

fn main() -> helper::Result<()> {
    let cluster = Cluster::local_with(2)?;
    let (closed, open) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        // Closed or broken, the input has ended.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(closed);
    });
    for model in 0..1_000 {
        if open.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected) {
            break;
        }
        if model == 5 {
            cluster.dashboard()?.evcxr_display();
        }
        let pieces: Vec<ObjectRef<()>> = (0..4_u64)
            .map(|piece| {
                let name = format!("model {model} trees {}..{}", 50 * piece, 50 * (piece + 1));
                let (calls, unlucky) = (AtomicU32::new(0), model % 3 == 1 && piece == 2);
                cluster.options().name(name).remote((), move |()| {
                    busy(Duration::from_millis(40 + 20 * piece));
                    assert!(!unlucky || calls.fetch_add(1, Ordering::Relaxed) > 0, "no luck the first time");
                })
            })
            .collect();
        let inside = cluster.clone();
        let score = cluster.options().name(format!("score of model {model}")).remote((), move |()| {
            busy(Duration::from_millis(10));
            inside.get_all(&pieces).map(|pieces| 0.2 + 0.1 / (f64::from(model) + pieces.len() as f64))
        });
        if model % 5 == 4 {
            let fails = cluster.options().name(format!("model {model} fails")).max_retries(0);
            let failed = fails.try_remote((), |()| Err::<(), _>("<b>no</b> such column"));
            // It fails on purpose.
            let _ = cluster.get(&failed);
        }
        if let Ok(mse) = &*cluster.get(&score)? {
            let done = f64::from(model + 1);
            let metrics =
                [("MSE", *mse), ("R2", 1.0 - mse), ("done", done), ("of", 1_000.0), ("best MSE", *mse)];
            cluster.report(format!("model {model}, 200 trees"), &metrics);
        }
    }
    Ok(())
}
