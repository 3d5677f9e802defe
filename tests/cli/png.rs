//! Small PNG files.

/// A grey PNG of 8 bits, stored without compression (W3C PNG, RFC 1950, RFC 1951).
pub(crate) fn grey(width: u32, height: u32, level: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut raw = Vec::new();
    for row in 0..height as usize {
        raw.push(0);
        raw.extend((0..width as usize).map(|column| level(row * width as usize + column)));
    }
    let length = raw.len() as u16;
    let mut data = vec![0x78, 0x01, 1];
    data.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
    data.extend(&raw);
    let [a, b] = raw.iter().fold([1u32, 0], |[a, b], v| [(a + u32::from(*v)) % 65521, (a + u32::from(*v) + b) % 65521]);
    data.extend(((b << 16) | a).to_be_bytes());
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", [&size[..], &[8, 0, 0, 0, 0]].concat()), (b"IDAT", data), (b"IEND", Vec::new())] {
        let body = [&kind[..], &content].concat();
        png.extend((content.len() as u32).to_be_bytes());
        png.extend(&body);
        png.extend(crc32(&body).to_be_bytes());
    }
    png
}

/// PNG's checksum (W3C PNG, annex D).
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}
