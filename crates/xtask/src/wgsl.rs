//! Prints linked kernels.

use anyhow::{Result, bail};
use atrous_shaders::SHADERS;

/// The plain WGSL of a kernel, of the given variant or, if none is given, of its only variant.
///
/// # Errors
/// If there is no such kernel or variant, or several variants and none is given; the message lists the choices.
pub fn source(name: &str, variant: Option<&str>) -> Result<&'static str> {
    let variants: Vec<_> = SHADERS.iter().filter(|s| s.name == name).collect();
    if variants.is_empty() {
        let mut names: Vec<&str> = SHADERS.iter().map(|s| s.name).collect();
        names.dedup();
        bail!("no kernel is named \"{name}\"; there are:\n  {}", names.join("\n  "));
    }
    let found = match variant {
        None if variants.len() == 1 => variants.first(),
        _ => variants.iter().find(|s| Some(s.variant) == variant),
    };
    if let Some(shader) = found {
        return Ok(&shader.source);
    }
    let known: Vec<String> = variants.iter().map(|s| format!("\"{}\"", s.variant)).collect();
    bail!("name one of the variants of \"{name}\":\n  {}", known.join("\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_found_by_name_and_variant() {
        for shader in SHADERS {
            assert_eq!(source(shader.name, Some(shader.variant)).unwrap(), shader.source);
        }
        let first = SHADERS[0].name;
        assert!(source("no/such", None).unwrap_err().to_string().contains(first));
        assert!(source(first, Some("no such")).unwrap_err().to_string().contains("variants"));
    }
}
