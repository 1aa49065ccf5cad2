//! The user name in the cookie of a request: whoever guesses tries many, and all else is alike.

use std::sync::Arc;

/// Where the line with the cookie begins: behind the headers of TPKT and X.224, which have a fixed length there.
/// [MS-RDPBCGR] 2.2.1.1
const LINE: usize = 11;
const COOKIE: &[u8] = b"Cookie: mstshash=";
const END: &[u8] = b"\r\n";
/// Longest name that is told apart from its request. Clients cut theirs to nine characters.
const LONGEST: usize = 32;

/// A whole request in which the name stands where it always does: what is before it, the name, and what is behind.
fn parts(request: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let length = crate::base::bytes::be16(request, 2).map(usize::from);
    length.filter(|length| *length == request.len())?;
    let begin = LINE + COOKIE.len();
    let (head, rest) = request.split_at_checked(begin).filter(|(head, _)| head.ends_with(COOKIE))?;
    let length = rest.iter().take(LONGEST + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let (name, tail) = rest.split_at_checked(length)?;
    ((1..=LONGEST).contains(&length) && tail.starts_with(END)).then_some((head, name, tail))
}

/// Tells a client's first message without the name in it.
pub(super) fn tell_without(request: &[u8], out: &mut Vec<u8>) {
    if let Some((head, name, tail)) = parts(request) {
        out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(head);
        out.extend_from_slice(tail);
    } else {
        out.push(0);
        out.extend_from_slice(request);
    }
}

/// The name in a client's first message, lower case, if it is told without.
pub(super) fn name_in(request: &[u8]) -> Option<Arc<str>> {
    let (_, name, _) = parts(request)?;
    let mut lower = [0; LONGEST];
    let own = lower.get_mut(..name.len())?;
    own.copy_from_slice(name);
    own.make_ascii_lowercase();
    std::str::from_utf8(own).ok().map(Arc::from)
}
