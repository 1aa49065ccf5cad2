//! The code tables behind `explain`: what each number that a user, a log or the wire shows literally means, what it is
//! wrongly taken for, and which evidence would decide.
//!
//! One family, one file; rows are data. Uses nothing but `base`, reads no capture or log, judges nothing: a code that
//! does not name a cause is said not to.

mod alert;
mod core_ts;
mod credssp;
mod error_info;
mod error_info_protocol;
mod events;
mod events_security;
mod events_system;
mod extended;
mod gateway;
mod licence;
mod mcs;
mod negotiation;
pub mod query;
pub mod reason;
mod status;

/// What a family numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Codes of a client, a server or a protocol.
    Code,
    /// Events of one provider, by id.
    Event,
}

/// How well a meaning is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The maker says so, or it was read in real data.
    Documented,
    /// A public transcription of the maker's text.
    Retold,
    /// Concluded from real logs; nobody documents it.
    Derived,
    /// Reported without proof: not to be relied on.
    Unverified,
}

impl Trust {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Retold => "retold from a public transcription",
            Self::Derived => "derived from real logs, not documented",
            Self::Unverified => "reported, not verified",
        }
    }
}

/// One numbered meaning, or one that a run of numbers shares.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The number, or the first of a run.
    pub value: u32,
    /// The last of a run; the same number, mostly.
    pub last: u32,
    /// Its name where it is documented; empty if it has none.
    pub symbol: &'static str,
    /// The literal meaning: a clause without a full stop.
    pub means: &'static str,
    /// What it is wrongly taken for.
    pub not: &'static [&'static str],
    /// Which evidence would decide. Empty: what the family says.
    pub decides: &'static [&'static str],
    /// What else is known of it.
    pub know: &'static [&'static str],
    /// Where it is known otherwise than the rest of its family.
    pub trust: Option<Trust>,
}

const fn code(value: u32, symbol: &'static str, means: &'static str) -> Code {
    Code { value, last: value, symbol, means, not: &[], decides: &[], know: &[], trust: None }
}

/// An event by its id.
const fn event(id: u32, means: &'static str) -> Code {
    code(id, "", means)
}

impl Code {
    const fn to(self, last: u32) -> Self {
        Self { last, ..self }
    }

    const fn not(self, not: &'static [&'static str]) -> Self {
        Self { not, ..self }
    }

    const fn decides(self, decides: &'static [&'static str]) -> Self {
        Self { decides, ..self }
    }

    const fn know(self, know: &'static [&'static str]) -> Self {
        Self { know, ..self }
    }

    const fn trust(self, trust: Trust) -> Self {
        Self { trust: Some(trust), ..self }
    }

    /// Whether it is, or contains, this number.
    pub const fn has(&self, value: u32) -> bool {
        self.value <= value && value <= self.last
    }
}

/// Numbers of one kind: 7 in one family has nothing to do with 7 in another.
#[derive(Debug)]
pub struct Family {
    /// What `family:code` begins with.
    pub name: &'static str,
    /// Other names that are understood.
    pub also: &'static [&'static str],
    /// In words.
    pub title: &'static str,
    /// Codes or events.
    pub kind: Kind,
    /// Where one meets it.
    pub met: &'static str,
    /// What none of its codes means.
    pub not: &'static [&'static str],
    /// Which evidence would decide, where a code has nothing of its own.
    pub decides: &'static [&'static str],
    /// Where the meanings come from.
    pub sources: &'static [&'static str],
    /// How well they are known, mostly.
    pub trust: Trust,
    /// Other forms in which the same number is written.
    pub written: Written,
    /// The rows, in tables, in no order that means anything.
    pub codes: &'static [&'static [Code]],
}

/// How a number may be wrapped where it is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    Plain,
    /// Also as an HRESULT of a Win32 error: `0x8007` before the low word. [MS-ERREF] 2.1.2
    Win32,
    /// Also as an HRESULT of an NTSTATUS: `0xD` for `0xC`. [MS-ERREF] 2.1
    NtStatus,
}

/// Every family, in the order in which answers are listed.
pub static ALL: &[&Family] = &[
    &reason::FAMILY,
    &extended::FAMILY,
    &gateway::CLIENT,
    &error_info::FAMILY,
    &negotiation::FAILURE,
    &negotiation::PROTOCOL,
    &mcs::FAMILY,
    &status::NTSTATUS,
    &status::SSPI,
    &alert::FAMILY,
    &credssp::EARLY,
    &credssp::RDSTLS,
    &licence::FAMILY,
    &gateway::TSGU,
    &core_ts::DISCONNECTED,
    &core_ts::SOCKET,
    &core_ts::SESSION_ENDED,
    &events::CORE_TS,
    &events::RCM,
    &events::LSM,
    &events::CLIENT,
    &events::GATEWAY,
    &events_security::SCHANNEL,
    &events_security::SECURITY,
    &events_system::SCM,
    &events_system::TERM_DD,
    &events_system::KERNEL_POWER,
    &events_system::POWER_TROUBLESHOOTER,
    &events_system::KERNEL_GENERAL,
    &events_system::EVENT_LOG,
    &events_system::USER32,
    &events_system::TIME_SERVICE,
    &events_system::NETWORK_PROFILE,
    &events_system::FIREWALL,
    &events_security::LSA,
    &events_security::NTLM,
    &events_security::KERBEROS,
    &events_security::CAPI2,
    &events_system::DNS_CLIENT,
    &events_system::TCPIP,
    &events_security::NETLOGON,
];

impl Family {
    /// The family of that name, in any case; hyphens, underscores and blanks do not count.
    pub fn named(name: &str) -> Option<&'static Self> {
        let wanted = bare(name);
        let is = |own: &str| bare(own) == wanted;
        ALL.iter().copied().find(|family| is(family.name) || family.also.iter().any(|name| is(name)))
    }

    /// The families whose name holds another one: of the gateway there are codes, codes of mstsc, and events.
    pub fn kin(name: &str) -> impl Iterator<Item = &'static Self> {
        let wanted = bare(name);
        ALL.iter().copied().filter(move |family| bare(family.name).contains(&wanted))
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &'static Code> {
        self.codes.iter().copied().flatten()
    }

    /// The row of a number, in whatever form it is written.
    pub fn find(&self, value: u32) -> Option<&'static Code> {
        let low = value & 0xffff;
        let forms = match self.written {
            Written::Win32 if value <= 0xffff || value >> 16 == 0x8007 => {
                [Some(value), Some(low), Some(low | 0x8007_0000)]
            }
            Written::NtStatus if value >> 28 == 0xd => [Some(value ^ 0x1000_0000), None, None],
            Written::Plain | Written::Win32 | Written::NtStatus => [Some(value), None, None],
        };
        forms.into_iter().flatten().find_map(|form| self.rows().find(|code| code.has(form)))
    }
}

/// Lower case, without what people vary.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
