// Entry point of `pulumi up`: runs the stack.

return 0;
