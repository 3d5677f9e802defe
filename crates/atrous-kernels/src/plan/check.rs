//! The rules that every plan must satisfy before it may run.

use atrous_shaders::Access;

use super::contents::Plan;
use super::memory::{BufferKind, TensorPlan};
use super::step::PlannedDispatch;
use crate::error::PlanError;
use crate::limits::Limits;
use crate::place::Place;

impl Plan {
    /// Checks a plan against the rules of WebGPU and the adapter's limits.
    ///
    /// A dispatch does not read and write the same buffer unless all its bindings there are declared as writes. Its
    /// writable ranges do not overlap. Tensors that are alive at the same time share no bytes. Everything is within the
    /// limits. Steps of the graph write only banks and gradients; updates after a training step write anything except
    /// inputs, constants and banks.
    ///
    /// # Errors
    /// [`PlanError::Inconsistent`], which names the step and the rule: a bug of atrous.
    pub fn check(&self, limits: &Limits) -> Result<(), PlanError> {
        for buffer in &self.buffers {
            ensure(buffer.bytes > 0 && buffer.bytes <= limits.max_buffer, || {
                format!("a {:?} buffer of {} bytes, the limit is {}", buffer.kind, buffer.bytes, limits.max_buffer)
            })?;
        }
        for step in &self.steps {
            for dispatch in &step.dispatches {
                self.check_dispatch(dispatch, limits, false)
                    .map_err(|reason| PlanError::Inconsistent(format!("{} \"{}\": {reason}", step.op, step.name)))?;
            }
        }
        for update in self.updates(true) {
            for dispatch in &update.dispatches {
                self.check_dispatch(dispatch, limits, true)
                    .map_err(|reason| PlanError::Inconsistent(format!("update \"{}\": {reason}", update.name)))?;
            }
        }
        self.check_tensors()
    }

    fn check_dispatch(&self, d: &PlannedDispatch, limits: &Limits, update: bool) -> Result<(), String> {
        let require = |holds: bool, text: &str| if holds { Ok(()) } else { Err(format!("{} {text}", d.shader.name)) };
        require(d.bindings.len() == d.shader.bindings.len(), "binds another number of buffers than it declares")?;
        require(d.access.len() == d.bindings.len(), "declares another number of bindings")?;
        require(d.bindings.len() <= limits.storage_bindings as usize, "binds more buffers than the adapter allows")?;
        require(d.grid.iter().all(|g| (1..=limits.max_workgroups).contains(g)), "has a grid beyond the limit")?;
        for (name, value) in &d.overrides {
            require(d.shader.overrides.contains(name), &format!("has no override {name}"))?;
            require(value.is_finite(), &format!("has no finite value for {name}"))?;
        }
        for (place, access) in d.bindings.iter().zip(&d.access) {
            let buffer = self.buffers.get(place.buffer).ok_or("a binding of no buffer")?;
            require(place.offset % limits.alignment == 0, "binds from an unaligned byte")?;
            require(place.bytes > 0 && place.bytes % 4 == 0, "binds no whole number of words")?;
            require(place.bytes <= limits.max_binding, "binds more bytes than the adapter allows")?;
            require(place.offset + place.bytes <= buffer.bytes, "binds past the end of a buffer")?;
            require(*access == Access::Read || writable(buffer.kind, update), "writes a read-only buffer")?;
        }
        for (i, a) in d.bindings.iter().enumerate() {
            for (j, b) in d.bindings.iter().enumerate().skip(i + 1) {
                let writes = [d.access[i], d.access[j]].map(|x| x == Access::ReadWrite);
                require(writes[0] == writes[1] || a.buffer != b.buffer, "reads and writes one buffer")?;
                require(!(writes[0] && writes[1] && overlap(a, b)), "writes overlapping bytes")?;
            }
        }
        Ok(())
    }

    /// Checks that no two tensors in banks that are alive at the same time share bytes.
    fn check_tensors(&self) -> Result<(), PlanError> {
        let in_bank = |t: &&TensorPlan| self.buffers[t.place.buffer].kind == BufferKind::Bank;
        let mut tensors: Vec<&TensorPlan> =
            self.tensors.iter().flatten().chain(&self.scratch).filter(in_bank).collect();
        tensors.sort_by_key(|t| (t.place.buffer, t.place.offset, t.first));
        // An alias has the same place and lifetime as its tensor.
        tensors.dedup();
        for (i, a) in tensors.iter().enumerate() {
            for b in tensors[i + 1..].iter().take_while(|b| overlap(&a.place, &b.place)) {
                let alive = a.first <= b.last && b.first <= a.last;
                ensure(!alive, || format!("tensors of steps {} and {} share bytes", a.first, b.first))?;
            }
        }
        Ok(())
    }
}

/// Whether a step of the graph, or an update after it, may write a buffer of this kind.
const fn writable(kind: BufferKind, update: bool) -> bool {
    match kind {
        BufferKind::Inputs | BufferKind::Constants => false,
        BufferKind::Bank => !update,
        BufferKind::Gradients(_) => true,
        BufferKind::Parameters(_)
        | BufferKind::State(..)
        | BufferKind::Accumulated(_)
        | BufferKind::Totals
        | BufferKind::LossScale
        | BufferKind::Control
        | BufferKind::Partials => update,
    }
}

fn overlap(a: &Place, b: &Place) -> bool {
    a.buffer == b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes
}

fn ensure(holds: bool, text: impl FnOnce() -> String) -> Result<(), PlanError> {
    if holds { Ok(()) } else { Err(PlanError::Inconsistent(text())) }
}
