import "shoshin/worker";
