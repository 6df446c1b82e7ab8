//! Ctrl-C and a polite kill → a flag that long work looks at.
//!
//! SIGHUP is left as it is: whoever started with `nohup` wants the work to go on after logging out.

use std::future::Future;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static CANCELLED: AtomicBool = AtomicBool::new(false);
static LISTENING: Once = Once::new();

/// From now on the first signal sets the flag and the second ends the process at once.
pub fn flag() -> &'static AtomicBool {
    LISTENING.call_once(|| {
        // Without threads or signals to be had, Ctrl-C ends the process as it always does.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
        else {
            return;
        };
        let (ready, listening) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            runtime.block_on(async {
                let mut signals = Signals::listen();
                let _ = ready.send(());
                signals.next().await;
                CANCELLED.store(true, Ordering::Relaxed);
                eprintln!("\nfinishing what was begun; press Ctrl-C again to stop at once");
                signals.next().await;
                std::process::exit(130);
            })
        });
        let _ = listening.recv();
    });
    &CANCELLED
}

#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        Self(
            kinds
                .into_iter()
                .filter_map(|kind| signal(kind).ok())
                .collect(),
        )
    }

    fn next(&mut self) -> impl Future<Output = ()> + '_ {
        std::future::poll_fn(|context| {
            let any = self
                .0
                .iter_mut()
                .any(|signal| signal.poll_recv(context).is_ready());
            match any {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
