//! Salesforce in a simulated world: it takes one pair, and counts the logins that it refuses.

use async_trait::async_trait;
use reset_receiver::domain::proof::ProofOutcome;
use reset_receiver::domain::secret::SalesforceSecret;
use reset_receiver::domain::target::Target;
use reset_receiver::ports::login_probe::{LoginProbe, ProbeError, ReadyLogin};

use crate::simulation::rules;
use crate::simulation::world::{Luck, Pair, World};

/// Salesforce's login, as one worker sees it.
#[derive(Clone)]
pub(crate) struct SimulatedSalesforce {
    pub(crate) world: World,
    pub(crate) worker: usize,
}

/// The pair that a secret stands for.
pub(crate) fn pair(secret: &SalesforceSecret) -> Pair {
    let number = |text: &str| text.rsplit('-').next().unwrap().parse().unwrap();
    let token = secret.security_token.as_ref().unwrap();
    (number(secret.password.expose()), number(token.expose()))
}

#[async_trait]
impl LoginProbe for SimulatedSalesforce {
    async fn prepare(&self, _target: &Target) -> Result<Box<dyn ReadyLogin>, ProbeError> {
        match self.world.before(self.worker, "reaching Salesforce").await {
            Luck::Good => Ok(Box::new(self.clone())),
            Luck::Refused | Luck::ReplyLost => {
                let at = "https://login.salesforce.com".to_owned();
                Err(ProbeError::Unreachable { at, source: "no connection".into() })
            }
        }
    }
}

#[async_trait]
impl ReadyLogin for SimulatedSalesforce {
    async fn login(self: Box<Self>, secret: &SalesforceSecret) -> ProofOutcome {
        let said = "INVALID_LOGIN".to_owned();
        let luck = self.world.before(self.worker, "the proving login").await;
        if luck == Luck::Refused {
            return ProofOutcome::NoAnswer { why: "the connection broke".to_owned() };
        }
        let tried = pair(secret);
        rules::proving_login(&self.world, self.worker, tried);
        let is_right = tried == self.world.facts().salesforce;
        self.world.after(self.worker, "the proving login").await;
        if luck == Luck::ReplyLost {
            return ProofOutcome::NoAnswer { why: "the answer was lost".to_owned() };
        }
        match is_right {
            _ if self.world.fault_once_in(20) => ProofOutcome::RateLimited { said },
            true => ProofOutcome::Proven,
            false => ProofOutcome::Rejected { said },
        }
    }
}
