//! Every gradient operation of the reference against central finite differences of its forward operation, and every
//! linear one against the adjoint identity. A gradient shares no formula with its forward operation, so these tests
//! check that the two match.

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
