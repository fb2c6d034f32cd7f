//! The pages of the console, each with the stable name that the log and the faults use.

use serde::{Deserialize, Serialize};

/// A tab of the Integration page, as the SDK manual's contents name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tab {
    General,
    Security,
    QueueStatus,
    Mappings,
}

impl Tab {
    pub(crate) const ALL: [Self; 4] =
        [Self::General, Self::Security, Self::QueueStatus, Self::Mappings];

    /// What a person reads on it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::General => "General",
            Self::Security => "Security",
            Self::QueueStatus => "Queue Status",
            Self::Mappings => "Mappings",
        }
    }
}

/// A page. Instances and connectors are numbered from 0 in the order of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    Login,
    Code,
    ConfirmAddress,
    /// Where a login leads: the only instance, or the list of them.
    Start,
    Instances,
    Home(usize),
    Tools(usize),
    DataSync(usize),
    Connectors(usize),
    Connector(usize, usize),
    ChangeState(usize, usize),
    DataSource(usize, usize),
    Integration(usize, Tab),
    LogOut,
}

impl Place {
    /// The name in the log and in faults, for example `connector`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Code => "code",
            Self::ConfirmAddress => "confirm-ip",
            Self::Start => "start",
            Self::Instances => "instances",
            Self::Home(_) => "home",
            Self::Tools(_) => "tools",
            Self::DataSync(_) => "data-sync",
            Self::Connectors(_) => "connectors",
            Self::Connector(..) => "connector",
            Self::ChangeState(..) => "change-state",
            Self::DataSource(..) => "data-source",
            Self::Integration(_, Tab::General) => "integration",
            Self::Integration(_, Tab::Security) => "security",
            Self::Integration(_, Tab::QueueStatus) => "queue-status",
            Self::Integration(_, Tab::Mappings) => "mappings",
            Self::LogOut => "log-out",
        }
    }

    /// The instance that the page belongs to.
    pub(crate) const fn instance(self) -> Option<usize> {
        match self {
            Self::Login
            | Self::Code
            | Self::ConfirmAddress
            | Self::Start
            | Self::Instances
            | Self::LogOut => None,
            Self::Home(instance)
            | Self::Tools(instance)
            | Self::DataSync(instance)
            | Self::Connectors(instance)
            | Self::Connector(instance, _)
            | Self::ChangeState(instance, _)
            | Self::DataSource(instance, _)
            | Self::Integration(instance, _) => Some(instance),
        }
    }

    /// Whether it can be seen without having logged in.
    pub(crate) const fn is_public(self) -> bool {
        matches!(self, Self::Login | Self::Code | Self::ConfirmAddress)
    }
}
