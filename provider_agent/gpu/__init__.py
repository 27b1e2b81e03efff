"""What GPUs this machine has and what they do, behind one small interface."""
