//! Stage tls: the handshake, certificates and keys.
