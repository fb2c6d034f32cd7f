//! The relays, and which status means to each of them "stop" or "later".

/// An email relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relay {
    /// Mailgun Routes.
    Mailgun,
    /// Twilio SendGrid Inbound Parse.
    SendGrid,
    /// Postmark inbound.
    Postmark,
    /// CloudMailin.
    CloudMailin,
    /// Amazon SES, through Amazon SNS.
    SesSns,
    /// Anything that posts the raw mail.
    Mime,
}

/// How a relay is told to do something about a mail that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// With this status, and a problem in the body.
    Status(u16),
    /// With the status that the failure has anyway.
    AsItIs,
    /// As if it had been taken and put aside: the relay knows no other word for "stop".
    PutAside,
}

impl Relay {
    /// Every relay.
    pub const ALL: [Self; 6] = [
        Self::Mailgun,
        Self::SendGrid,
        Self::Postmark,
        Self::CloudMailin,
        Self::SesSns,
        Self::Mime,
    ];

    /// The word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mailgun => "mailgun",
            Self::SendGrid => "sendgrid",
            Self::Postmark => "postmark",
            Self::CloudMailin => "cloudmailin",
            Self::SesSns => "ses-sns",
            Self::Mime => "mime",
        }
    }

    /// The relay of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|relay| relay.as_str() == word)
    }

    /// Whether the relay itself reports what it found out about a mail's origin.
    pub const fn reports_verdict(self) -> bool {
        !matches!(self, Self::Mime)
    }

    /// How it is told that a mail will never be taken.
    ///
    /// Mailgun stops at 406 and Postmark at 403. CloudMailin would return the mail to Salesforce
    /// for any 4xx; SendGrid and SNS have no word for it but "taken".
    pub const fn stop(self) -> Word {
        match self {
            Self::Mailgun => Word::Status(406),
            Self::Postmark => Word::Status(403),
            Self::SendGrid | Self::CloudMailin | Self::SesSns => Word::PutAside,
            Self::Mime => Word::AsItIs,
        }
    }

    /// How it is told to come back, where the failure's own status begins with 4: for a delivery
    /// that proves nothing, as a password may have been changed on one side, and for one that
    /// comes too often or too slowly.
    ///
    /// CloudMailin would return the mail for any 4xx; SendGrid documents that it repeats after a
    /// 5xx, SNS that it does after an error of the server's, and neither that it does after a 4xx.
    pub const fn later(self) -> Word {
        match self {
            Self::SendGrid | Self::CloudMailin | Self::SesSns => Word::Status(503),
            Self::Mailgun | Self::Postmark | Self::Mime => Word::AsItIs,
        }
    }
}
