//! A picture in strips, cut between its rows: on a screen they follow each other without a seam, on paper a page may
//! end after each.
//!
//! Draws nothing (`svg`).

use super::svg::Shape;

/// A strip that is higher than this ends before the next row. A sheet of A4 takes two.
const STRIP: i64 = 520;

/// A part of a picture as high as a part of a page.
#[derive(Debug)]
pub(super) struct Strip {
    pub top: i64,
    pub height: i64,
    pub shapes: Vec<Shape>,
}

/// Each with what it shows; what reaches across a cut is in both.
pub(super) fn strips(shapes: &[Shape], cuts: &[i64], end: i64) -> Vec<Strip> {
    let mut tops = vec![0];
    let mut top = 0;
    let nexts = cuts.iter().skip(1).copied().chain([end]);
    for (cut, next) in cuts.iter().copied().zip(nexts) {
        if next - top > STRIP && cut > top {
            tops.push(cut);
            top = cut;
        }
    }
    let bottoms = tops.iter().skip(1).copied().chain([end]);
    let strip = |(top, bottom): (i64, i64)| {
        let within = |shape: &&Shape| {
            let (from, to) = shape.span();
            from < bottom && to >= top
        };
        Strip { top, height: bottom - top, shapes: shapes.iter().filter(within).cloned().collect() }
    };
    tops.iter().copied().zip(bottoms).map(strip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_follow_each_other_and_lose_nothing() {
        let words = |y: i64| Shape::Words { x: 0, y, anchor: "start", class: "label", text: y.to_string() };
        let mut shapes: Vec<Shape> = (0..40).map(|row| words(40 + row * 30 + 12)).collect();
        shapes.push(Shape::Line { x1: 5, y1: 40, x2: 5, y2: 1_240, class: "lane" });
        let cuts: Vec<i64> = (0..40).map(|row| 40 + row * 30).collect();
        let found = strips(&shapes, &cuts, 1_244);
        let ends: Vec<(i64, i64)> = found.iter().map(|strip| (strip.top, strip.top + strip.height)).collect();
        assert_eq!(ends, [(0, 520), (520, 1_030), (1_030, 1_244)]);
        let texts: usize = found
            .iter()
            .map(|strip| strip.shapes.iter().filter(|shape| matches!(shape, Shape::Words { .. })).count())
            .sum();
        assert_eq!(texts, 40);
        assert!(found.iter().all(|strip| matches!(strip.shapes.last(), Some(Shape::Line { .. }))));
    }
}
