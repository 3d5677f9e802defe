//! Which of an adapter's cooperative matrices kernels can use.

use atrous_kernels::Cooperative;
use wgpu::CooperativeScalarType as Scalar;

/// The features of a device that kernels with cooperative matrices need.
pub(crate) const FEATURES: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SUBGROUP).union(wgpu::Features::SHADER_F16);

/// The matrices that the adapter multiplies, as text such as `8×8×8 f16 -> f32`.
pub(crate) fn listed(adapter: &wgpu::Adapter) -> Vec<String> {
    let name = |scalar: Scalar| format!("{scalar:?}").to_lowercase();
    let text = |p: wgpu::CooperativeMatrixProperties| {
        format!("{}×{}×{} {} -> {}", p.m_size, p.n_size, p.k_size, name(p.ab_type), name(p.cr_type))
    };
    adapter.cooperative_matrix_properties().into_iter().map(text).collect()
}

/// The matrices of the adapter that kernels can use, on a device with these features.
///
/// # Errors
/// Why kernels can use none.
pub(crate) fn of(adapter: &wgpu::Adapter, features: wgpu::Features) -> Result<Cooperative, String> {
    let info = adapter.get_info();
    let subgroups = match info.backend {
        // wgpu reports 4 to 64 for every Metal device; those with matrices have SIMD groups of 32 (Metal Feature Set Tables, Apple7).
        wgpu::Backend::Metal => [32, 32],
        _ => [info.subgroup_min_size, info.subgroup_max_size],
    };
    usable(&adapter.cooperative_matrix_properties(), features, subgroups)
}

fn usable(
    list: &[wgpu::CooperativeMatrixProperties],
    features: wgpu::Features,
    [least, most]: [u32; 2],
) -> Result<Cooperative, String> {
    let missing = FEATURES - features;
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter_names().map(|(name, _)| name.to_lowercase()).collect();
        return Err(format!("it lacks {}", names.join(", ")));
    }
    if least != most {
        return Err(format!(
            "its subgroups may be of {least} to {most} invocations, kernels need to know their number"
        ));
    }
    let size = |operand: Scalar| {
        let square = |p: &&wgpu::CooperativeMatrixProperties| p.m_size == p.n_size && p.n_size == p.k_size;
        let known = list.iter().filter(square).filter(|p| [8, 16].contains(&p.m_size) && !p.saturating_accumulation);
        known.filter(|p| p.ab_type == operand && p.cr_type == Scalar::F32).map(|p| p.m_size).max()
    };
    let (f16, f32) = (size(Scalar::F16), size(Scalar::F32));
    if f16.is_none() && f32.is_none() {
        return Err("none of its matrices are 8×8×8 or 16×16×16 of f16 or f32, summed in f32".to_owned());
    }
    Ok(Cooperative { lanes: least, f16, f32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrices(size: [u32; 3], ab_type: Scalar, cr_type: Scalar) -> wgpu::CooperativeMatrixProperties {
        let [m_size, n_size, k_size] = size;
        wgpu::CooperativeMatrixProperties { m_size, n_size, k_size, ab_type, cr_type, saturating_accumulation: false }
    }

    #[test]
    fn square_matrices_that_sum_in_f32_are_used() {
        let [half, single] = [Scalar::F16, Scalar::F32];
        let nvidia = [
            matrices([16, 8, 16], half, single),
            matrices([16, 16, 16], half, half),
            matrices([16, 16, 16], half, single),
            matrices([16, 16, 16], Scalar::I32, Scalar::I32),
        ];
        let of = |list: &[_], lanes| usable(list, wgpu::Features::all(), [lanes; 2]);
        assert_eq!(of(&nvidia, 32), Ok(Cooperative { lanes: 32, f16: Some(16), f32: None }));
        let apple = [[single, single], [half, half], [half, single]].map(|[ab, cr]| matrices([8; 3], ab, cr));
        assert_eq!(of(&apple, 32), Ok(Cooperative { lanes: 32, f16: Some(8), f32: Some(8) }));
        assert_eq!(of(&apple[1..], 8), Ok(Cooperative { lanes: 8, f16: Some(8), f32: None }));
        assert!(of(&nvidia[..2], 32).unwrap_err().contains("none of its matrices"));
    }

    #[test]
    fn adapters_that_cannot_say_why() {
        let list = [matrices([16; 3], Scalar::F16, Scalar::F32)];
        let error = usable(&list, wgpu::Features::all(), [32, 64]).unwrap_err();
        assert!(error.contains("32 to 64"), "{error}");
        let error = usable(&[], wgpu::Features::SUBGROUP, [8, 8]).unwrap_err();
        assert!(error.contains("lacks") && error.contains("cooperative") && error.contains("f16"), "{error}");
    }
}
