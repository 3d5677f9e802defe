//! A small model, and safetensors files made byte by byte.

use atrous_graph::{Op, Shape, op::Conv2d};
use atrous_nn::{Builder, Mode, Model, Naming, ParameterKind, StoredLayout};

/// A 3×2 convolution 3→5 with bias and an unused counter: `conv.weight [5, 3, 3, 2]`, `conv.bias [5]`.
pub(crate) fn model() -> Model {
    let mut b = Builder::new(Naming::Torch, Mode::Inference);
    let x = b.input("x", Shape::new(1, 8, 8, 3)).unwrap();
    let w = b.weight("conv.weight", Shape::new(3, 2, 3, 5), StoredLayout::Oihw, vec![5, 3, 3, 2], 18).unwrap();
    let bias = b.vector("conv.bias", 5, ParameterKind::Bias).unwrap();
    b.unused("bn.num_batches_tracked", vec![], None);
    let y = b.add("conv", Op::Conv2d(Conv2d::default()), &[x, w, bias]).unwrap();
    b.finish("small", x, &[("out", y)])
}

/// One tensor of a file: name, element type, shape, bytes.
pub(crate) type Tensor = (&'static str, &'static str, Vec<usize>, Vec<u8>);

/// An f32 tensor of the values 0, 1, 2, ….
pub(crate) fn counting(name: &'static str, shape: &[usize]) -> Tensor {
    let values = 0..shape.iter().product::<usize>();
    (name, "F32", shape.to_vec(), values.flat_map(|v| (v as f32).to_le_bytes()).collect())
}

/// A well-formed file.
pub(crate) fn file(tensors: &[Tensor]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, dtype, shape, bytes) in tensors {
        let (begin, end) = (data.len(), data.len() + bytes.len());
        entries
            .push(format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{begin},{end}]}}"));
        data.extend(bytes);
    }
    raw(&format!("{{{}}}", entries.join(",")), &data)
}

/// A file with this text as its header.
pub(crate) fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// Writes the bytes into a new folder; the folder lives as long as the first result.
pub(crate) fn on_disk(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}
