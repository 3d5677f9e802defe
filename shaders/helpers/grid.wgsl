// The dispatch grid as one linear index: a grid is spread over x and y because one axis holds at most 65,535 groups.
// The last row of a grid may run past the work there is, so every kernel compares the index with its total.

// The linear index of a workgroup, from `workgroup_id` and `num_workgroups`.
fn linear_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}
