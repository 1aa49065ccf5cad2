//! Who answered whom in a short flow under TLS, and whether a close may have crossed the message before it on the way.
//! Then only the whole connection tells what the close answers; see [`had_time`](crate::causes::tls::handshake::had_time).

use super::Item;
use crate::base::Observed;
use crate::causes::tls::handshake::least_wait;
use crate::connection::Connection;
use crate::packet::TcpFlags;
use crate::stream::{Side, Young};

/// The segments by which it is told how long each side takes to answer.
#[derive(Debug, Default)]
pub(super) struct Turns<'i> {
    opens: Option<&'i Item>,
    accepts: Option<&'i Item>,
    acknowledges: Option<&'i Item>,
    request: Option<&'i Item>,
    confirm: Option<&'i Item>,
    hello: Option<&'i Item>,
}

impl<'i> Turns<'i> {
    /// Those of a flow.
    pub fn of(items: &'i [Item]) -> Self {
        let mut turns = Self::default();
        for item in items.iter().filter(|item| !item.flags.has(TcpFlags::RST)) {
            let Self { opens, accepts, acknowledges, request, confirm, hello } = &mut turns;
            if item.flags.opens() {
                *opens = Some(item);
            }
            if item.side == Side::Client && item.flags.has(TcpFlags::ACK) && accepts.is_some() {
                acknowledges.get_or_insert(item);
            }
            let place = match (item.side, item.length > 0) {
                _ if item.flags.accepts() => accepts,
                (Side::Client, true) if confirm.is_some() => hello,
                (Side::Client, true) => request,
                (Side::Server, true) => confirm,
                _ => continue,
            };
            place.get_or_insert(item);
        }
        turns
    }

    /// Whether a side that closed may not have received what anybody asks that of: the hello of the client, and what the
    /// server said until the client went on.
    pub fn may_cross(&self, items: &[Item]) -> bool {
        let way = |answers: [(Option<&Item>, Option<&Item>); 2]| {
            least_wait(answers.into_iter().filter_map(|(said, answered)| Some(answered?.time - said?.time)))
        };
        let of_client = way([(self.accepts, self.acknowledges), (self.confirm, self.hello)]);
        let of_server = way([(self.opens, self.accepts), (self.request, self.confirm)]);
        let (mut hello, mut answer, mut went_on) = (None, None, false);
        items.iter().any(|item| {
            match item.side {
                _ if item.length == 0 || went_on => {}
                Side::Server => answer = hello.and(Some(item.time)),
                Side::Client => {
                    went_on = answer.is_some();
                    hello = self.hello.map(|hello| hello.time).filter(|hello| *hello <= item.time);
                }
            }
            let closes = item.flags.has(TcpFlags::RST) || item.flags.has(TcpFlags::FIN);
            let (said, least) =
                if item.side == Side::Client { (answer, of_client) } else { (hello, of_server) };
            closes && said.is_some_and(|said| item.time - said < least)
        })
    }

    /// Whether the connection says the same of who answered whom.
    pub fn are_of(&self, young: &Young<'_>, connection: &Connection) -> bool {
        let mark = |item: Option<&Item>| item.map(|item| young.mark(item));
        let request = connection.request.as_ref().map(Observed::mark);
        let confirm = connection.confirm.as_ref().map(Observed::mark);
        connection.tls.retry.is_none()
            && request == mark(self.request)
            && confirm == mark(self.confirm)
            && (confirm.is_none() || connection.tls.offered() == mark(self.hello))
    }
}
