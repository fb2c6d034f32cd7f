//! A cable to a server that a test can cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A relay to one address; it lives as long as the test's runtime.
pub(crate) struct Cable {
    address: String,
    cut: Arc<Cut>,
}

#[derive(Default)]
struct Cut {
    is_cut: AtomicBool,
    happened: Notify,
}

impl Cable {
    /// A whole cable to `host:port`.
    pub(crate) async fn to(host_and_port: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (cut, end) = (Arc::new(Cut::default()), host_and_port.to_owned());
        let relay = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                // A cut cable takes nobody: the connection is closed again at once.
                if !relay.is_cut.load(Ordering::SeqCst) {
                    tokio::spawn(carry(near, end.clone(), Arc::clone(&relay)));
                }
            }
        });
        Self { address, cut }
    }

    /// Its near end, `http://` and an address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Breaks every connection, and takes no new one.
    pub(crate) fn cut(&self) {
        self.cut.is_cut.store(true, Ordering::SeqCst);
        self.cut.happened.notify_waiters();
    }

    /// Makes it whole again.
    pub(crate) fn mend(&self) {
        self.cut.is_cut.store(false, Ordering::SeqCst);
    }
}

async fn carry(mut near: TcpStream, end: String, cut: Arc<Cut>) {
    let Ok(mut far) = TcpStream::connect(end).await else { return };
    tokio::select! {
        carried = tokio::io::copy_bidirectional(&mut near, &mut far) => drop(carried),
        () = cut.happened.notified() => {}
    }
}
