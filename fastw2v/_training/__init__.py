"""Parts of a training that trainers share: checkpoints and their state."""
