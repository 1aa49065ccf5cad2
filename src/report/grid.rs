//! Tables in lines: chooses the shape that fits the width, breaks the cells, and lets comfy-table draw.
//!
//! Cells are broken here and not by comfy-table, which would cut a path or a cause id anywhere.

use comfy_table::{Cell, ContentArrangement, Table, TableComponent, presets};

use super::page::Grid;
use super::table::ansi;
use super::text::{Ink, Text};
use super::wrap::{Line, narrowest, natural_width, wrap};

/// Columns between two cells.
const BETWEEN: usize = 2;
/// Below this a column is not shrunk.
const NARROWEST: usize = 4;

/// Marks in cells, which the table takes for characters without width; they become colours afterwards. No text
/// of a report holds them: they are among the characters that are escaped.
const MARKS: [(Ink, char); 6] = [
    (Ink::Bad, '\u{2061}'),
    (Ink::Open, '\u{2062}'),
    (Ink::Good, '\u{2063}'),
    (Ink::Dim, '\u{2060}'),
    (Ink::Bold, '\u{200b}'),
    (Ink::Plain, '\u{2064}'),
];

/// A cell before it is broken: a text per line.
type Stack = Vec<Text>;

/// The lines of `grid`: all columns side by side if they fit into `width`, else the first of its shapes that does,
/// else the last one with its widest columns broken.
pub(super) fn draw(grid: &Grid, width: usize, color: bool) -> Vec<String> {
    let all: Vec<Vec<usize>> = (0..grid.header.len()).map(|column| vec![column]).collect();
    let shapes = grid.stacked.iter().map(|shape| shape.iter().map(|group| group.to_vec()).collect());
    let mut shapes: Vec<Vec<Vec<usize>>> = std::iter::once(all).chain(shapes).collect();
    let last = shapes.pop().unwrap_or_default();
    for shape in shapes {
        let table = arranged(grid, &shape);
        let widths = natural(&table);
        if total(&widths) <= width {
            return drawn(&table, &widths, is_stacked(&shape), color);
        }
    }
    let table = arranged(grid, &last);
    let widths = fitted(natural(&table), &narrow(&table), width);
    drawn(&table, &widths, is_stacked(&last), color)
}

fn is_stacked(shape: &[Vec<usize>]) -> bool {
    shape.iter().any(|group| group.len() > 1)
}

/// Header and rows with the columns of one group in one cell.
fn arranged(grid: &Grid, shape: &[Vec<usize>]) -> Vec<Vec<Stack>> {
    let header = shape.iter().map(|group| {
        group.iter().filter_map(|column| grid.header.get(*column)).map(|name| Text::plain(name)).collect()
    });
    let rows = grid.rows.iter().map(|row| shape.iter().map(|group| stack(row, group)).collect());
    std::iter::once(header.collect()).chain(rows).collect()
}

/// The cells of one group; below the first, those without content are left out.
fn stack(row: &[Text], group: &[usize]) -> Stack {
    let cells = group.iter().filter_map(|column| row.get(*column));
    let known = |cell: &Text| cell.spans().iter().any(|span| !matches!(span.text(), "" | "-"));
    cells
        .enumerate()
        .filter(|(index, cell)| *index == 0 || known(cell))
        .map(|(_, cell)| cell.clone())
        .collect()
}

fn natural(table: &[Vec<Stack>]) -> Vec<usize> {
    let columns = table.first().map_or(0, Vec::len);
    let cell = |column: usize| table.iter().filter_map(move |row| row.get(column)).flatten();
    (0..columns).map(|column| cell(column).map(natural_width).max().unwrap_or(0).max(1)).collect()
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + widths.len().saturating_sub(1) * BETWEEN
}

/// Below these no word need be broken where it has no good place for it.
fn narrow(table: &[Vec<Stack>]) -> Vec<usize> {
    let columns = table.first().map_or(0, Vec::len);
    let cell = |column: usize| table.iter().filter_map(move |row| row.get(column)).flatten();
    (0..columns).map(|column| cell(column).map(narrowest).max().unwrap_or(0)).collect()
}

/// Takes from the widest column, column by column of the page, until all fit: first from those that need not break a
/// word for it, then from any.
fn fitted(mut widths: Vec<usize>, narrow: &[usize], width: usize) -> Vec<usize> {
    for _ in 0..total(&widths).saturating_sub(width) {
        let can_give = |(width, narrow): &(&mut usize, &usize)| **width > **narrow;
        let widest = widths.iter_mut().zip(narrow).filter(can_give).map(|(width, _)| width).max();
        let widest = match widest.filter(|widest| **widest > NARROWEST) {
            Some(widest) => widest,
            None => match widths.iter_mut().max().filter(|widest| **widest > NARROWEST) {
                Some(widest) => widest,
                None => break,
            },
        };
        *widest -= 1;
    }
    widths
}

fn drawn(rows: &[Vec<Stack>], widths: &[usize], stacked: bool, color: bool) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    for component in [TableComponent::HeaderLines, TableComponent::MiddleHeaderIntersections] {
        table.set_style(component, '─');
    }
    if stacked {
        for component in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
            table.set_style(component, '·');
        }
    }
    let cells = |row: &Vec<Stack>| -> Vec<Cell> {
        row.iter().zip(widths).map(|(cell, width)| Cell::new(broken(cell, *width))).collect()
    };
    if let Some((header, rows)) = rows.split_first() {
        table.set_header(cells(header));
        for row in rows {
            table.add_row(cells(row));
        }
    }
    for (column, index) in table.column_iter_mut().zip(1..) {
        // The other half of the space between is the column separator.
        column.set_padding((0, u16::from(index != widths.len())));
    }
    table.lines().map(|line| colored(&line, color)).collect()
}

fn broken(cell: &Stack, width: usize) -> String {
    let lines: Vec<String> =
        cell.iter().flat_map(|text| wrap(text, width)).map(|line| marked(&line)).collect();
    lines.join("\n")
}

/// A line of a cell with marks for colours.
fn marked(line: &Line) -> String {
    let mark = |ink: Ink| MARKS.iter().find(|(marked, _)| *marked == ink).map(|(_, mark)| *mark);
    let end = mark(Ink::Plain).unwrap_or_default();
    let piece = |(ink, text): &(Ink, String)| match mark(*ink).filter(|_| *ink != Ink::Plain) {
        Some(begin) => format!("{begin}{text}{end}"),
        None => text.clone(),
    };
    line.iter().map(piece).collect()
}

/// Marks to colours, or to nothing.
fn colored(line: &str, color: bool) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match MARKS.iter().find(|(_, mark)| *mark == c) {
            Some((ink, _)) if color => {
                out.push_str("\x1b[");
                out.push_str(ansi(*ink).unwrap_or("0"));
                out.push('m');
            }
            Some(_) => {}
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::wrap::width_of;
    use super::*;

    #[test]
    fn the_widest_columns_give_way_first() {
        let none = [0, 0, 0];
        assert_eq!(fitted(vec![2, 30, 10], &none, 36), [2, 20, 10]);
        assert_eq!(fitted(vec![2, 30, 30], &none, 36), [2, 15, 15]);
        assert_eq!(fitted(vec![2, 3], &none, 80), [2, 3]);
        assert_eq!(fitted(vec![9, 9, 9], &none, 4), [4, 4, 4]);
        // A column with a long word keeps it as long as another has spaces.
        assert_eq!(fitted(vec![2, 30, 30], &[2, 24, 5], 36), [2, 24, 6]);
        assert_eq!(fitted(vec![2, 30, 30], &[2, 24, 20], 36), [2, 15, 15]);
    }

    #[test]
    fn a_grid_takes_the_widest_shape_that_fits() {
        let text = |text: &str| Text::plain(text);
        let grid = Grid {
            header: vec!["id", "client", "server"],
            rows: vec![vec![text("1"), text("10.20.0.5"), text("10.20.0.9:3389")]],
            stacked: &[&[&[0], &[1, 2]]],
        };
        assert_eq!(draw(&grid, 40, false).len(), 3);
        assert_eq!(draw(&grid, 20, false).len(), 5);
        assert!(draw(&grid, 20, false).iter().all(|line| width_of(line.trim_end()) <= 20));
    }
}
