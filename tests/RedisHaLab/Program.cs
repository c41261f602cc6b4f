// Entry point of the lab.

return 0;
