//! Events that are known and from which nothing is concluded, each with the reason.
//!
//! Those of RDP's own providers still stand in the timeline of their connection.

use super::provider::Provider;

/// Why nothing is concluded from event `id` of `provider`; `None` for an event that is used, or not known.
pub const fn why_unused(provider: &Provider, id: u32) -> Option<&'static str> {
    match provider {
        Provider::RdpCoreTs => core_ts(id),
        Provider::RemoteConnectionManager => match id {
            1146..=1148 => Some("remote control of a session tells nothing of a connection"),
            20521 => Some("the console of a virtual machine, not a connection over the network"),
            _ => None,
        },
        Provider::LocalSessionManager => match id {
            32 | 33 => Some("a plug-in of the session manager"),
            _ => None,
        },
        Provider::RdpClient => match id {
            1401 => Some(GRAPHICS),
            _ => None,
        },
        Provider::Schannel => match id {
            36865 | 36867..=36869 => Some("facts about modules and keys that name no handshake"),
            _ => None,
        },
        Provider::LsaSrv => match id {
            6033 | 6037 => Some("NTLM of any program on the host; it names no connection"),
            _ => None,
        },
        Provider::Ntlm => match id {
            8001..=8004 => Some("audit of what would be blocked: nothing was"),
            _ => None,
        },
        Provider::Kerberos => match id {
            5 | 7 => Some("names a service and no times; 3 and the wire tell a clock skew"),
            _ => None,
        },
        Provider::Capi2 => match id {
            11 | 30 | 41 | 70 => {
                Some("certificates of every program, off by default; the handshake shows RDP's own")
            }
            _ => None,
        },
        Provider::KernelPower => match id {
            172 | 187 | 566 => Some("42, 107, 506, 507 and Power-Troubleshooter 1 tell the same interval"),
            _ => None,
        },
        _ => None,
    }
}

const GRAPHICS: &str = "graphics: by then the session is up, and its picture decides nothing here";

const fn core_ts(id: u32) -> Option<&'static str> {
    match id {
        1..=8 | 34..=38 | 161..=167 | 170..=173 | 193..=195 | 257 | 258 => Some(GRAPHICS),
        33 | 71 => Some("a step of building the session; 66 and 68 say more"),
        69 => Some("a module of the listener; 70 and 129 tell that it listens"),
        73 => Some("the encryption that the negotiation shows"),
        150..=152 | 155 | 225 => Some("a debug channel, off by default"),
        289..=294 => Some("UDP of Azure Virtual Desktop, which is not followed"),
        _ => None,
    }
}
