//! A running simulator, and what a test can ask it and do to it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use tokio::task::JoinHandle;

use crate::clock::{self, Order};
use crate::console::Console;
use crate::console::inspect::{ConnectorSnapshot, IntegrationSnapshot};
use crate::console::second_factor;
use crate::console::surface::State;
use crate::faults::{Fault, Match, Times};
use crate::log::ConsoleRequest;
use crate::salesforce::{LoginRecord, Salesforce};
use crate::server::{self, Shared};
use crate::world::World;

/// The largest form that is read.
const LARGEST_BODY: usize = 4 * 1024 * 1024;
/// How often a world in real time looks whether a sync is due.
const BEAT: Duration = Duration::from_millis(20);
const WORKERS: usize = 2;

/// A running simulator. Clones are handles to the same one; it ends with [`Simulator::stop`] or
/// with the last handle.
#[derive(Clone)]
pub struct Simulator {
    running: Arc<Running>,
}

struct Running {
    shared: Data<Shared>,
    salesforce: Salesforce,
    url: String,
    server: ServerHandle,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // The order to stop is sent by the call; what it returns only waits for the end.
        drop(self.server.stop(false));
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Simulator {
    /// Starts a world, on the tokio runtime of the caller. Fails when its address cannot be listened
    /// on.
    pub fn start(world: World) -> io::Result<Self> {
        let order = Order::default();
        let users = world.salesforce_users();
        let mut console = Console::new(world.instances(&users), world.console_users());
        let salesforce = Salesforce::new(world.lockout_policy(), users, order.clone());
        for (which, fault, times) in world.faults {
            console.faults.on(which, fault, times);
        }
        let shared = Data::new(Shared {
            console: std::sync::Mutex::new(console),
            dress: world.skin.dress(world.chunk),
            order,
            delay: world.delay,
        });
        let state = shared.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .app_data(web::PayloadConfig::new(LARGEST_BODY))
                .default_service(web::to(server::handle))
        })
        .workers(WORKERS)
        .disable_signals()
        .bind(world.listen.as_deref().unwrap_or("127.0.0.1:0"))?;
        let address = server.addrs().first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let server = server.run();
        let handle = server.handle();
        let mut tasks = vec![tokio::spawn(async move {
            // A server that was told to stop has nothing left to report.
            drop(server.await);
        })];
        if world.real_time {
            tasks.push(tokio::spawn(keep_time(shared.clone(), salesforce.clone())));
        }
        let url = format!("http://{address}");
        let running = Running { shared, salesforce, url, server: handle, tasks };
        Ok(Self { running: Arc::new(running) })
    }

    /// Stops listening. Requests that are being answered are cut off.
    pub async fn stop(self) {
        self.running.server.stop(false).await;
    }

    /// The console's address, without a slash at the end.
    pub fn console_url(&self) -> &str {
        &self.running.url
    }

    /// The Salesforce organisation.
    pub fn salesforce(&self) -> &Salesforce {
        &self.running.salesforce
    }

    /// Switches a fault on.
    pub fn fault(&self, which: Match, fault: Fault, times: Times) {
        self.running.shared.lock().faults.on(which, fault, times);
    }

    /// Switches every fault off.
    pub fn clear_faults(&self) {
        self.running.shared.lock().faults.clear();
    }

    /// Ends every console session; the next request of each is bounced to the login page.
    pub fn expire_sessions(&self) {
        self.running.shared.lock().sessions.end_all();
    }

    /// Moves the simulated clock and runs every sync that falls due on the way.
    pub fn tick(&self, by: Duration) {
        self.running.shared.lock().tick(by, &self.running.salesforce);
    }

    /// Runs one sync of every enabled connector and of every Integration now.
    pub fn run_syncs(&self) {
        self.running.shared.lock().sync_all(&self.running.salesforce);
    }

    /// The names of the instances and of their connectors, in order.
    pub fn places(&self) -> Vec<(String, Vec<String>)> {
        let console = self.running.shared.lock();
        let names = console.instances.iter().map(|instance| {
            let connectors = instance.connectors.iter().map(|one| one.name.clone()).collect();
            (instance.name.clone(), connectors)
        });
        names.collect()
    }

    /// A connector, seen from behind; `None` if there is none of that name.
    pub fn connector(&self, instance: &str, name: &str) -> Option<ConnectorSnapshot> {
        self.running.shared.lock().connector(instance, name)
    }

    /// Gives a connector a state, as somebody else at the console does; says whether there is one of
    /// that name. The log knows nothing of it.
    pub fn set_state(&self, instance: &str, name: &str, state: State) -> bool {
        self.running.shared.lock().set_state(instance, name, state)
    }

    /// An instance's Integration, seen from behind; `None` if there is no such instance.
    pub fn integration(&self, instance: &str) -> Option<IntegrationSnapshot> {
        self.running.shared.lock().integration(instance)
    }

    /// Every login at Salesforce so far, oldest first.
    pub fn login_history(&self) -> Vec<LoginRecord> {
        self.running.salesforce.login_history()
    }

    /// Every request to the console so far, in the order in which they arrived.
    pub fn console_log(&self) -> Vec<ConsoleRequest> {
        self.running.shared.lock().log.clone()
    }

    /// How many console logins went well.
    pub fn console_logins(&self) -> u64 {
        self.running.shared.lock().logins
    }

    /// How many console logins were refused, for the password or for the code.
    pub fn refused_console_logins(&self) -> u64 {
        self.running.shared.lock().refused
    }

    /// The second-factor code of this moment for a console user who has one.
    pub fn second_factor_code(&self, email: &str) -> Option<String> {
        let console = self.running.shared.lock();
        let user = console.users.iter().find(|user| user.email.eq_ignore_ascii_case(email))?;
        second_factor::code(user.totp.as_deref()?, clock::unix_seconds())
    }

    /// How many console sessions are logged in now.
    pub fn open_sessions(&self) -> usize {
        self.running.shared.lock().sessions.live()
    }
}

/// Lets the simulated clock follow the real one.
async fn keep_time(shared: Data<Shared>, salesforce: Salesforce) {
    let mut last = clock::now();
    loop {
        clock::wait(BEAT).await;
        let now = clock::now();
        let passed = Duration::try_from(now.duration_since(last)).unwrap_or(Duration::ZERO);
        shared.lock().tick(passed, &salesforce);
        last = now;
    }
}
