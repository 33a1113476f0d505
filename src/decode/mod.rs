//! Layers: readable views on a text after one decoding step, with a map back.
