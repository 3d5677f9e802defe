//! Plans of whole networks, without a device.

use atrous_kernels::plan::{Plan, plan};
use atrous_kernels::{Limits, Target};
use atrous_nn::zoo::{self, BuildOptions};

fn plan_of(name: &str, size: usize, target: &Target) -> Plan {
    let options = BuildOptions { input: Some((1, size, size)), ..BuildOptions::default() };
    let model = zoo::build(name, &options).expect("a legal network");
    plan(&model.graph, model.graph.outputs(), target).expect("a plan")
}

#[test]
fn resnet50_activations_come_within_15_percent_of_the_lower_bound() {
    for software in [false, true] {
        let plan = plan_of("resnet50", 224, &Target::new(Limits::WEBGPU, software));
        let ratio = plan.activation_bytes() as f64 / plan.lower_bound as f64;
        assert!(ratio <= 1.15, "{} B for a lower bound of {} B", plan.activation_bytes(), plan.lower_bound);
        assert_eq!(plan.macs(), 4_089_184_256);
    }
}

#[test]
fn every_network_has_a_plan_under_webgpus_default_limits() {
    for name in zoo::names() {
        let model = zoo::build(name, &BuildOptions::default()).expect("the defaults are legal");
        for software in [false, true] {
            let target = Target::new(Limits::WEBGPU, software);
            let plan = plan(&model.graph, model.graph.outputs(), &target).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(plan.activation_bytes() >= plan.lower_bound);
            assert_eq!(plan.macs(), model.macs(), "{name}");
        }
    }
}

#[test]
fn a_plan_says_which_kernel_serves_and_why_others_declined() {
    let plan = plan_of("resnet50", 224, &Target::new(Limits::WEBGPU, false));
    let (text, reasons) = (plan.to_string(), format!("{plan:#}"));
    let line = text.lines().find(|l| l.contains(" conv1 ")).expect("a line for conv1");
    for part in ["conv2d", "1×112×112×64 f32", "  stem ", "392×1×1", " bank0+0 ", "0..=", "118.0"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(text.contains("predicted peak"));

    // A line for each step below the titles, and with the reasons one more for each.
    let rows = |text: &str| text.lines().position(str::is_empty).expect("an empty line ends the table");
    let declined: usize = plan.steps.iter().map(|step| step.declined.len()).sum();
    assert_eq!([rows(&text), rows(&reasons)], [1 + plan.steps.len(), 1 + plan.steps.len() + declined]);
    let (lines, reason): (Vec<&str>, Vec<&str>) = reasons.lines().partition(|line| !line.contains("  not "));
    assert!(lines.into_iter().eq(text.lines()) && reason.len() == declined && declined > 0, "{reasons}");
}

/// A step whose check must fail once it is broken.
fn broken(change: impl Fn(&mut Plan)) -> String {
    let mut plan = plan_of("resnet18", 64, &Target::new(Limits::WEBGPU, false));
    assert_eq!(plan.check(&Limits::WEBGPU), Ok(()));
    change(&mut plan);
    plan.check(&Limits::WEBGPU).expect_err("a broken plan").to_string()
}

#[test]
fn the_check_finds_every_kind_of_broken_plan() {
    let relu = |plan: &Plan| plan.steps.iter().position(|s| s.op == "relu").expect("a ReLU");
    let text = broken(|plan| {
        let step = relu(plan);
        let dispatch = &mut plan.steps[step].dispatches[0];
        dispatch.access = dispatch.shader.bindings.to_vec();
        (dispatch.bindings[1].buffer, dispatch.bindings[1].offset) = (dispatch.bindings[0].buffer, 0);
    });
    assert!(text.contains("reads and writes one buffer"), "{text}");

    let text = broken(|plan| {
        let step = relu(plan);
        plan.steps[step].dispatches[0].bindings[0].offset += 16;
    });
    assert!(text.contains("unaligned"), "{text}");

    let text = broken(|plan| {
        let step = relu(plan);
        plan.steps[step].dispatches[0].bindings[0].bytes = 1 << 30;
    });
    assert!(text.contains("more bytes than the adapter allows"), "{text}");

    let text = broken(|plan| {
        let step = relu(plan);
        plan.steps[step].dispatches[0].grid[1] = 70_000;
    });
    assert!(text.contains("grid beyond the limit"), "{text}");

    let text = broken(|plan| {
        let step = relu(plan);
        plan.steps[step].dispatches[0].overrides.push(("NO_SUCH", 1.0));
    });
    assert!(text.contains("no override NO_SUCH"), "{text}");

    let text = broken(|plan| {
        // Two tensors that are alive together: a step's result and what it reads.
        let step = relu(plan);
        let alive = plan.tensors.iter().flatten().find(|t| t.last == step).copied().expect("an input");
        let result = plan.steps[step].node.0;
        let tensor = plan.tensors[result].as_mut().expect("a result");
        tensor.place = alive.place;
    });
    assert!(text.contains("share bytes"), "{text}");

    let text = broken(|plan| plan.buffers[0].bytes = 1 << 40);
    assert!(text.contains("the limit is"), "{text}");
}
