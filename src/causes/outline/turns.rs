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
            let place = match (item.side, item.length > 0) {
                _ if item.flags.opens() => opens,
                _ if item.flags.accepts() => accepts,
                (Side::Client, true) if confirm.is_some() => hello,
                (Side::Client, true) => request,
                (Side::Server, true) => confirm,
                _ => &mut None,
            };
            place.get_or_insert(item);
            if item.side == Side::Client && accepts.is_some() {
                acknowledges.get_or_insert(item);
            }
        }
        turns
    }

    /// Whether a side that closed may not have received what was said before. Rather once too often.
    pub fn may_cross(&self, items: &[Item]) -> bool {
        let way = |answers: [(Option<&Item>, Option<&Item>); 2]| {
            let ways = answers.into_iter().filter_map(|(said, answered)| Some(answered?.time - said?.time));
            ways.max().unwrap_or(0)
        };
        let of_client = way([(self.accepts, self.acknowledges), (self.confirm, self.hello)]);
        let of_server = way([(self.opens, self.accepts), (self.request, self.confirm)]);
        let mut said = None;
        for item in items {
            if item.length > 0 {
                said = Some(item.time);
            }
            let closes = item.flags.has(TcpFlags::RST) || item.flags.has(TcpFlags::FIN);
            let way = if item.side == Side::Client { of_client } else { of_server };
            if closes && said.is_some_and(|said| item.time - said < least_wait(way)) {
                return true;
            }
        }
        false
    }

    /// Whether the connection says the same of who answered whom.
    pub fn are_of(&self, young: &Young<'_>, connection: &Connection) -> bool {
        let is_at = |item: Option<&Item>, mark| item.map(|item| young.mark(item)) == Some(mark);
        let request = connection.request.as_ref().map(Observed::mark);
        let confirm = connection.confirm.as_ref().map(Observed::mark);
        let hello = connection.tls.offered();
        request.is_none_or(|mark| is_at(self.request, mark))
            && confirm.is_none_or(|mark| is_at(self.confirm, mark))
            && hello.is_none_or(|mark| is_at(self.hello, mark) || confirm.is_none())
    }
}
