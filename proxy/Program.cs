// Entry point of redis-ha-proxy.

return 0;
