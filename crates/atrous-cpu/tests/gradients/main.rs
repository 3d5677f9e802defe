//! Every gradient operation of the reference against central finite differences of its forward operation, and every
//! linear one against the adjoint identity. The analytic side shares no formula with the other: what is checked is that
//! the two passes belong together.

mod check;
mod conv;
mod loss;
mod movement;
mod norm;
mod pointwise;
mod pool;
mod reduce;
mod resize;
mod table;
