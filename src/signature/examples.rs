//! Example templates of signature files → texts, the same ones each time.
