//! The simulator as a program: a world from flags, and a control interface to play with it.

mod control;

use std::error::Error;
use std::time::{Duration, TryFromFloatSecsError};

use clap::Parser;
use simulator::{
    ConsoleUser, Fault, InstancePlan, Lockout, Match, ParseFaultError, SalesforceUser, Simulator,
    Skin, Times, UnknownSkin, World,
};

/// A stand-in for a CommuniGator console and a Salesforce organisation, modelled on documented
/// behaviour. Not the product.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// Where the console listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8460")]
    listen: String,
    /// Where the control interface listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8461")]
    control: String,
    /// What the pages look like: plain or webforms.
    #[arg(long, default_value = "plain", value_parser = skin)]
    skin: Skin,
    /// Splits the view state into fields of so many characters.
    #[arg(long, value_name = "CHARACTERS")]
    view_state_chunks: Option<usize>,
    /// How many GatorMail instances there are.
    #[arg(long, default_value_t = 1)]
    instances: usize,
    /// How many Data Sync connectors each instance has.
    #[arg(long, default_value_t = 1)]
    connectors: usize,
    /// How many of them are disabled, counted from the last.
    #[arg(long, default_value_t = 0)]
    disabled: usize,
    /// Failed logins until Salesforce locks the user; 0 is no limit.
    #[arg(long, default_value_t = 10)]
    lockout: u32,
    /// How often every surface logs in, in seconds; 0 is only on POST /sync.
    #[arg(long, default_value_t = 60.0)]
    period_seconds: f64,
    /// Holds every answer of the console back, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Asks for a second factor; the authenticator's secret in base 32.
    #[arg(long, value_name = "SECRET")]
    totp: Option<String>,
    /// Answers a right login with the page that wants the address confirmed.
    #[arg(long)]
    confirm_ip: bool,
    /// Salesforce takes the password without a token, as from a trusted address.
    #[arg(long)]
    trusted_address: bool,
    /// A fault, as ON=FAULT or ON=FAULT,TIMES; for example 'POST change-state=reset-after,once'.
    #[arg(long = "fault", value_parser = rule)]
    faults: Vec<Rule>,
}

/// A fault, what it hits, and how often.
#[derive(Debug, Clone)]
struct Rule(Match, Fault, Times);

fn skin(text: &str) -> Result<Skin, UnknownSkin> {
    text.parse()
}

fn rule(text: &str) -> Result<Rule, ParseFaultError> {
    let (on, rest) = text.split_once('=').unwrap_or((text, ""));
    let (fault, times) = rest.rsplit_once(',').unwrap_or((rest, "once"));
    Ok(Rule(on.parse()?, fault.parse()?, times.parse()?))
}

fn world(flags: &Flags) -> Result<World, TryFromFloatSecsError> {
    let period = Duration::try_from_secs_f64(flags.period_seconds)?;
    let period = (!period.is_zero()).then_some(period);
    let mut console_user = ConsoleUser::new(World::CONSOLE_USER, World::CONSOLE_PASSWORD);
    if let Some(secret) = &flags.totp {
        console_user = console_user.totp(secret);
    }
    if flags.confirm_ip {
        console_user = console_user.confirm_ip();
    }
    let mut user = SalesforceUser::new(World::SALESFORCE_USER, World::SALESFORCE_PASSWORD);
    if flags.trusted_address {
        user = user.trusted_address();
    }
    let lockout = if flags.lockout == 0 { Lockout::NoLimit } else { Lockout::After(flags.lockout) };
    let mut world = World::new()
        .listen(&flags.listen)
        .skin(flags.skin)
        .delay(Duration::from_millis(flags.delay_ms))
        .lockout(lockout)
        .console_user(console_user)
        .salesforce_user(user)
        .real_time();
    if let Some(characters) = flags.view_state_chunks {
        world = world.view_state_chunks(characters);
    }
    for Rule(which, fault, times) in flags.faults.clone() {
        world = world.fault(which, fault, times);
    }
    for number in 1..=flags.instances {
        world = world.instance(format!("Instance {number}"), |one| instance(one, flags, period));
    }
    Ok(world)
}

fn instance(mut plan: InstancePlan, flags: &Flags, period: Option<Duration>) -> InstancePlan {
    if let Some(period) = period {
        plan = plan.integration_every(period);
    }
    for number in 1..=flags.connectors {
        plan = plan.connector_with(format!("Salesforce Sync {number}"), |mut connector| {
            if let Some(period) = period {
                connector = connector.every(period);
            }
            if number + flags.disabled > flags.connectors {
                connector = connector.disabled();
            }
            connector
        });
    }
    plan
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let simulator = Simulator::start(world(&flags)?)?;
    let (control, control_url) = control::serve(simulator.clone(), &flags.control)?;
    greet(&simulator, &control_url)?;
    // It ends with an interrupt; the console ends with it.
    control.await?;
    simulator.stop().await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a program's greeting")]
fn greet(simulator: &Simulator, control_url: &str) -> Result<(), Box<dyn Error>> {
    let credential = simulator.salesforce().credential(World::SALESFORCE_USER)?;
    println!("A stand-in for a CommuniGator console and a Salesforce organisation.");
    println!("It models documented behaviour and is not the product.");
    println!("console     {}", simulator.console_url());
    println!("            {} / {}", World::CONSOLE_USER, World::CONSOLE_PASSWORD);
    println!("control     {control_url}/state");
    println!(
        "salesforce  {} / {} / {}",
        credential.username, credential.password, credential.token
    );
    Ok(())
}
