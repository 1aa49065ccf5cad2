//! A name looked up over UDP. RFC 1035 4

use std::rc::Rc;

use super::connection::Step;

/// Question and answer: the address of a name.
pub fn lookup(number: u32, name: &str, address: [u8; 4]) -> [Step; 2] {
    let [.., high, low] = number.to_be_bytes();
    let message = |flags: [u8; 2], answers: &[u8]| {
        let count = u8::from(!answers.is_empty());
        let mut message = vec![high, low, flags[0], flags[1], 0, 1, 0, count, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend_from_slice(label.as_bytes());
        }
        message.extend_from_slice(&[0, 0, 1, 0, 1]);
        message.extend_from_slice(answers);
        Rc::from(message)
    };
    let [a, b, c, d] = address;
    // The name of the question, A, IN, 300 seconds.
    let answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, a, b, c, d];
    [Step::Question(message([1, 0], &[])), Step::Answer(message([0x81, 0x80], &answer))]
}
