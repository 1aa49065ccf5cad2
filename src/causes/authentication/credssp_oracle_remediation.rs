//! The client's policy against the CredSSP flaw of 2018 does not let it talk to a server that was not patched.

use super::refused;
use crate::base::time;
use crate::causes::{Blame, Case, Evidence, Finding, Strength, cause, told};
use crate::correlate::Joined;
use crate::eventlog::{Provider, system};

cause! {
    /// One side lacks the CredSSP update of 2018 (CVE-2018-0886), and the other refuses to talk to it.
    ///
    /// ## Why
    /// The client's policy "Encryption Oracle Remediation" forbids servers whose CredSSP is too old (or the server
    /// forbids such clients). The client ends the logon before it sends credentials, and tells its user so. User
    /// and password have nothing to do with it.
    ///
    /// ## What to do
    /// - Update the side that is behind, which mostly is the server: any cumulative update since May 2018.
    ///   `Get-HotFix | sort InstalledOn` on both sides; `(Get-Item C:\Windows\System32\tspkg.dll).VersionInfo`.
    /// - See what is set:
    ///   `reg query HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System\CredSSP\Parameters /v AllowEncryptionOracle`.
    ///   Policy: Computer Configuration > Administrative Templates > System > Credentials Delegation, "Encryption
    ///   Oracle Remediation". A 2 (Vulnerable) is no remedy: it opens CVE-2018-0886 again; set it back to 1 (Mitigated)
    ///   or 0 (Force Updated Clients).
    /// - To verify: with the value back at 0 or 1 the client connects, and System 6041 is no longer written.
    ///
    /// ## Seen as
    /// Client System, LsaSrv 6041 with the server's name and version; the client ends CredSSP without a third token
    /// ([MS-CSSP] 2.2.1, version below 5); no Security 4625 on the server.
    "credssp-oracle-remediation", stage: Authentication, severity: Failure, blames: [Client, Server],
    more_specific_than: ["nla-refused-reason-not-visible", "delegation-or-ntlm-policy"],
    client_code: "a message of its own about CredSSP encryption oracle remediation",
}

/// The event is written when the client gives up.
const NEAR: i64 = 5 * time::SECOND;

fn detect(case: &Case<'_>) -> Option<Finding> {
    if refused::passed(case)
        || refused::failure(case).is_some()
        || case.event(&Provider::RdpCoreTs, 140).is_some()
    {
        return None;
    }
    let left = told::left_before_credentials(case);
    if left.is_none() && !told::is_blind(case) {
        return None;
    }
    let (joined, target, version) = told::near(case, NEAR, NEAR).into_iter().find_map(logged)?;
    let named = target.is_some_and(|target| told::is_of_server(case, target));
    // Another server's name is another attempt's.
    if target.is_some() && !named && !told::is_blind(case) && knows_name(case) {
        return None;
    }
    if told::is_blind(case) && !named {
        return None;
    }
    let strength = match told::strength(case, joined, left.is_some()) {
        Strength::Inferred if named && left.is_some() => Strength::Corroborated,
        own => own,
    };
    let target = target.map(|target| format!(" of {target}")).unwrap_or_default();
    let version = version.map(|version| format!(" (version {version})")).unwrap_or_default();
    let says = format!("the client's policy does not allow the CredSSP version{version}{target}");
    let mut evidence = vec![Evidence::event(&joined.event, says)];
    evidence.extend(left);
    evidence.extend(case.accepted());
    // The client that refuses is patched: the server is behind.
    Some(Finding::new(&CAUSE, strength, Blame::Server, evidence))
}

/// Whether a name of the server is known, so that another one tells of another server.
fn knows_name(case: &Case<'_>) -> bool {
    case.connection().is_some_and(|own| {
        own.tls.client_hello.as_ref().is_some_and(|hello| hello.value.server_name.is_some())
    })
}

fn logged(joined: &Joined) -> Option<(&Joined, Option<&str>, Option<u32>)> {
    match system::meaning(&joined.event)? {
        system::Meaning::CredSspVersion { target, version } => Some((joined, target, version)),
        _ => None,
    }
}
