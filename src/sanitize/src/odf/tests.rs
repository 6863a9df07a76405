//! Hostile documents, named by the attack, and ordinary ones that must keep their content.
