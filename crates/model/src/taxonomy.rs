//! The closed vocabularies: event types, families, modalities, roles, entity types, languages.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A name that is not in the vocabulary it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {vocabulary} '{name}', known are: {known}")]
pub struct UnknownName {
    /// Which vocabulary was asked, for example `event type`.
    pub vocabulary: &'static str,
    /// The name that was not found.
    pub name: String,
    /// The names that would have been accepted, separated by blanks.
    pub known: String,
}

macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// All members, in their canonical order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The name used in files, on the command line and in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
            /// Position in [`Self::ALL`].
            pub const fn index(self) -> usize { self as usize }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }
        impl FromStr for $name {
            type Err = UnknownName;
            fn from_str(s: &str) -> Result<Self, UnknownName> {
                $(if s == $text { return Ok($name::$variant); })+
                Err(UnknownName { vocabulary: $what, name: s.into(), known: [$($text),+].join(" ") })
            }
        }
    };
}

vocabulary! {
    /// The four families of threat events.
    Family, "event family" {
        /// Market trade: goods or services offered, sought or swapped.
        Trade = "trade",
        /// Asset spread: tools shared, versions announced, data leaked.
        Spread = "spread",
        /// Network attack.
        Attack = "attack",
        /// Incident discussion.
        Incident = "incident",
    }
}

vocabulary! {
    /// What kind of happening an event mention speaks of.
    EventType, "event type" {
        /// Goods or services offered for money.
        Sell = "sell",
        /// Goods or services sought for money.
        Buy = "buy",
        /// Swap of goods, currencies or accounts.
        Exchange = "exchange",
        /// A tool, malware, exploit or course shared.
        Release = "release",
        /// A new version of such an asset announced.
        Update = "update",
        /// Stolen data posted or given away.
        Leak = "leak",
        /// Denial of service.
        Ddos = "ddos",
        /// Unauthorised access, breach, defacement, account take-over.
        Intrusion = "intrusion",
        /// Ransomware or extortion.
        Ransom = "ransom",
        /// Phishing, carding, scam, cash-out.
        Fraud = "fraud",
        /// Infection, spreading or operating of malware.
        Malware = "malware",
        /// A concrete flaw disclosed or discussed.
        Vulnerability = "vulnerability",
        /// A fix or mitigation.
        Patch = "patch",
        /// Arrest, seizure, shutdown.
        Takedown = "takedown",
    }
}

impl EventType {
    /// The family that the type belongs to.
    pub const fn family(self) -> Family {
        use EventType as E;
        match self {
            E::Sell | E::Buy | E::Exchange => Family::Trade,
            E::Release | E::Update | E::Leak => Family::Spread,
            E::Ddos | E::Intrusion | E::Ransom | E::Fraud | E::Malware => Family::Attack,
            E::Vulnerability | E::Patch | E::Takedown => Family::Incident,
        }
    }
}

vocabulary! {
    /// How the author stands to the happening.
    Modality, "modality" {
        /// It happened, or the offer stands.
        Asserted = "asserted",
        /// It is intended.
        Planned = "planned",
        /// It could be done; how-to, general talk.
        Hypothetical = "hypothetical",
        /// It is asked for or asked about.
        Asked = "asked",
        /// It is said not to be so.
        Negated = "negated",
    }
}

vocabulary! {
    /// The part a span plays in an event.
    Role, "argument role" {
        /// Attacker, seller, author, group or handle.
        Actor = "actor",
        /// Victim site, company, country or system.
        Target = "target",
        /// Goods, data, tool, malware or service concerned.
        Asset = "asset",
        /// Version of the asset.
        Version = "version",
        /// The flaw.
        Vulnerability = "vulnerability",
        /// Means used.
        Technique = "technique",
        /// Amount with currency.
        Price = "price",
        /// How many or how much.
        Quantity = "quantity",
        /// Way of payment.
        Payment = "payment",
        /// Channel or handle for contact.
        Contact = "contact",
        /// Date or time expression.
        Time = "time",
        /// Country, region, origin.
        Place = "place",
    }
}

vocabulary! {
    /// Types of entities. The first block is found by patterns with validators, the second by the model and gazetteers.
    EntityType, "entity type" {
        /// IPv4 address.
        Ipv4 = "ipv4",
        /// IPv6 address.
        Ipv6 = "ipv6",
        /// Address block in CIDR notation.
        Cidr = "cidr",
        /// Autonomous system number.
        Asn = "asn",
        /// Hardware address.
        Mac = "mac",
        /// Domain name.
        Domain = "domain",
        /// Tor onion service.
        Onion = "onion",
        /// Uniform resource locator.
        Url = "url",
        /// E-mail address.
        Email = "email",
        /// MD5 digest.
        Md5 = "md5",
        /// SHA-1 digest.
        Sha1 = "sha1",
        /// SHA-256 digest.
        Sha256 = "sha256",
        /// SHA-512 digest.
        Sha512 = "sha512",
        /// Context-triggered piecewise hash.
        Ssdeep = "ssdeep",
        /// Common Vulnerabilities and Exposures identifier.
        Cve = "cve",
        /// Common Weakness Enumeration identifier.
        Cwe = "cwe",
        /// MITRE ATT&CK technique identifier.
        AttackTechnique = "attack_technique",
        /// Path of a file.
        FilePath = "file_path",
        /// Name of a file.
        FileName = "file_name",
        /// Windows registry key.
        RegistryKey = "registry_key",
        /// HTTP user agent.
        UserAgent = "user_agent",
        /// Bitcoin address.
        Btc = "btc",
        /// Ethereum address.
        Eth = "eth",
        /// Monero address.
        Xmr = "xmr",
        /// Litecoin address.
        Ltc = "ltc",
        /// Dogecoin address.
        Doge = "doge",
        /// Tron address.
        Trx = "trx",
        /// International bank account number.
        Iban = "iban",
        /// Payment card number; always masked.
        Card = "card",
        /// Telephone number.
        Phone = "phone",
        /// Telegram handle.
        Telegram = "telegram",
        /// Jabber (XMPP) address.
        Jabber = "jabber",
        /// ICQ number.
        Icq = "icq",
        /// Discord handle or invitation.
        Discord = "discord",
        /// QQ number.
        Qq = "qq",
        /// WeChat handle.
        Wechat = "wechat",
        /// Skype name.
        Skype = "skype",
        /// Session identifier.
        Session = "session",
        /// Tox identifier.
        Tox = "tox",
        /// PGP key fingerprint.
        PgpFingerprint = "pgp_fingerprint",
        /// Amount of money with currency.
        Price = "price",
        /// Named malware or malware family.
        Malware = "malware",
        /// Named hacking tool.
        Tool = "tool",
        /// Named hacker, handle or group.
        ThreatActor = "threat_actor",
        /// Company, site, brand, agency, forum.
        Organization = "organization",
        /// Legitimate product, system, library or device.
        Software = "software",
        /// Named or typed flaw.
        Vulnerability = "vulnerability",
        /// Attack technique.
        Technique = "technique",
        /// Kind of illicit goods or data.
        Goods = "goods",
        /// Place.
        Location = "location",
        /// Date.
        Date = "date",
    }
}

impl EntityType {
    /// True for the types that patterns find and validators check; false for named things.
    pub const fn is_indicator(self) -> bool {
        (self as usize) <= (EntityType::Price as usize)
    }
    /// True for channels by which a person is reached: they tie accounts to one another.
    pub const fn is_contact(self) -> bool {
        use EntityType as E;
        matches!(
            self,
            E::Email
                | E::Telegram
                | E::Jabber
                | E::Icq
                | E::Discord
                | E::Qq
                | E::Wechat
                | E::Skype
                | E::Session
                | E::Tox
                | E::PgpFingerprint
                | E::Phone
        )
    }
}

vocabulary! {
    /// Language of a post.
    Language, "language" {
        /// English.
        En = "en",
        /// Russian.
        Ru = "ru",
        /// Chinese.
        Zh = "zh",
        /// Anything else, or too short to tell.
        Other = "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for &e in EntityType::ALL {
            assert_eq!(e.as_str().parse::<EntityType>(), Ok(e));
            assert_eq!(EntityType::ALL[e.index()], e);
        }
        for &e in EventType::ALL {
            assert_eq!(serde_json_name(&e), format!("\"{e}\""));
        }
    }

    fn serde_json_name(e: &EventType) -> String {
        serde_json::to_string(e).expect("an enum serialises")
    }

    #[test]
    fn unknown_names_say_what_is_known() {
        let e = "hack".parse::<Family>().unwrap_err();
        assert_eq!(e.to_string(), "unknown event family 'hack', known are: trade spread attack incident");
    }

    #[test]
    fn indicators_end_at_price() {
        assert!(EntityType::Price.is_indicator());
        assert!(!EntityType::Malware.is_indicator());
    }
}
