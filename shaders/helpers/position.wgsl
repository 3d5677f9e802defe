// The place of a pixel in a map.

// Sample, row and column.
struct Position {
    n: u32,
    y: u32,
    x: u32,
}

// That of a pixel, counted row by row and sample by sample, of maps of `rows` × `columns`.
fn position(pixel: u32, rows: u32, columns: u32) -> Position {
    return Position(pixel / (columns * rows), pixel / columns % rows, pixel % columns);
}
