//! Containers: a blob with other blobs in it.
