//! RDP_NEG_FAILURE 2, SSL_NOT_ALLOWED_BY_SERVER.

use super::failure;
use crate::causes::{Blame, Case, Finding, cause};
use crate::protocol::nego::FailureCode;

cause! {
    /// The server accepts only standard RDP security, and the client offered TLS.
    ///
    /// ## Why
    /// The server's security layer is set to RDP. mstsc then tries again by itself with standard RDP security, and
    /// mostly gets in; a client that insists on TLS or NLA does not.
    ///
    /// ## What to do
    /// - On the server, read the setting and the policy that may override it:
    ///   `reg query "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v SecurityLayer` and
    ///   `reg query "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services" /v SecurityLayer`.
    /// - Set it to TLS:
    ///   `reg add "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp" /v SecurityLayer /t REG_DWORD /d 2 /f`;
    ///   by policy: Computer Configuration > Administrative Templates > Windows Components > Remote Desktop Services >
    ///   Remote Desktop Session Host > Security, "Require use of specific security layer for remote (RDP) connections":
    ///   SSL.
    /// - Do not set the clients to standard RDP security: it does not prove who the server is.
    /// - To verify: connect again; a capture must now show SSL or HYBRID selected in the connection confirm.
    ///
    /// ## Seen as
    /// [MS-RDPBCGR] 2.2.1.2.2, failureCode 2; RdpCoreTS 131, 65, 141, then 102 and 103 without 101.
    "neg-failure-2-ssl-not-allowed", stage: Negotiation, severity: Failure, blames: [Client, Server],
    client_code: "none, if the client's fallback works",
}

fn detect(case: &Case<'_>) -> Option<Finding> {
    failure::detect(case, &CAUSE, FailureCode::SSL_NOT_ALLOWED_BY_SERVER, Blame::Server)
}
