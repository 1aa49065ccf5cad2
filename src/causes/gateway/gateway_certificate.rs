//! The client did not take the gateway's certificate.

use super::by_client;
use crate::causes::{Blame, Case, Finding, cause};

cause! {
    /// The client refused the RD Gateway's certificate.
    ///
    /// ## Why
    /// The certificate of the gateway is for another name than the client uses, has expired, was revoked (or that
    /// could not be checked), or its issuer is not trusted. Unlike a session host's, it cannot be accepted by a click.
    ///
    /// ## What to do
    /// - Look at what the gateway shows: open `https://<gateway>/` in a browser on the client, or
    ///   `openssl s_client -connect <gateway>:443 -servername <gateway> </dev/null`.
    /// - On the gateway bind a certificate for the public name (Remote Desktop Gateway Manager, Properties, SSL
    ///   Certificate), with its intermediate certificates; renew it before it expires.
    /// - In the client's settings the gateway must be named exactly as in the certificate.
    /// - Private authority: `certutil -addstore Root ca.cer` on the client, after the thumbprint was compared.
    /// - Revocation: the client must reach the addresses in the certificate: `certutil -url gateway.cer`.
    /// - To verify: the browser shows no warning, and the client gets as far as its password box.
    ///
    /// ## Seen as
    /// Client codes 0x3000003 to 0x3000007; nothing in the gateway's log.
    "gateway-certificate", stage: Gateway, severity: Failure, blames: [Server],
    client_code: "0x3000003 to 0x3000007",
}

const CODES: &[u32] = &[0x300_0003, 0x300_0004, 0x300_0005, 0x300_0006, 0x300_0007];

fn detect(case: &Case<'_>) -> Option<Finding> {
    by_client(case, &CAUSE, CODES, Blame::Server, "the gateway's certificate was not accepted")
}
