//! How MCS says that it is over. T.125, DisconnectProviderUltimatum

use super::{Code, Family, Kind, Trust, Written, code};

/// MCS disconnect reason.
pub(super) static FAMILY: Family = Family {
    name: "mcs",
    also: &["mcs_dpu_reason", "mcs-reason", "dpu"],
    title: "MCS disconnect reason",
    kind: Kind::Code,
    met: "Disconnect Provider Ultimatum, three bits of its first two bytes: `21 80` is 3",
    not: &["Why: a refusal and a normal end look the same here."],
    decides: &["errorInfo, sent just before it (RdpCoreTS 72 and 228), and RdpCoreTS 103."],
    sources: &["T.125 section 7; [MS-RDPBCGR] 1.3.1.4"],
    trust: Trust::Documented,
    written: Written::Plain,
    codes: &[CODES],
};

static CODES: &[Code] = &[
    code(0, "rn-domain-disconnected", "the domain is disconnected"),
    code(1, "rn-provider-initiated", "the provider (server) ended it"),
    code(2, "rn-token-purged", "a token was purged"),
    code(3, "rn-user-requested", "requested by the user: also the normal end of mstsc sessions"),
    code(4, "rn-channel-purged", "a channel was purged"),
];
