crm=${crm:-http://127.0.0.1:8080}
member() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
printf 'The interaction, as -ring printed it: '; read -r call

call=${call#Interaction: }
mia="Authorization: Bearer $(curl -s $crm/sign-in -d '{"login": "mia@care.example", "password": "tea with lemon at four"}' | member token)"
echo 'Who says to be calling? A mask:'
curl -s $crm/customers/cust-42 -H "$mia" -H "Interaction: $call"
challenge=$(curl -s $crm/interactions/$call/challenges -H "$mia" -d '{"method": "sms", "operation": "customer.read"}' | member challenge)
printf 'The code, as the server printed it: '; read -r code

both="Authorization: Bearer $(curl -s $crm/interactions/$call/challenges/$challenge/answer -H "$mia" -d "{\"code\": \"$code\"}" | member token)"
echo 'Nora has proved who she is, and hears her record:'
curl -s $crm/customers/cust-42 -H "$both"
echo 'A SIM change takes a proof of its own:'
curl -s $crm/lines/+15550100/sim-changes -H "$both" -d '{"iccid": "8900000000000000777"}'
challenge=$(curl -s $crm/interactions/$call/challenges -H "$mia" -d '{"method": "sms", "operation": "sim.change"}' | member challenge)
printf 'The second code: '; read -r code

both="Authorization: Bearer $(curl -s $crm/interactions/$call/challenges/$challenge/answer -H "$mia" -d "{\"code\": \"$code\"}" | member token)"
echo 'It is decided, and then done:'
change=$(curl -s $crm/lines/+15550100/sim-changes -H "$both" -d '{"iccid": "8900000000000000777"}' | member id)
curl -s $crm/sim-changes/$change/confirm -H "$both" -d '{"iccid": "8900000000000000777"}'
ada="Authorization: Bearer $(curl -s $crm/sign-in -d '{"login": "ada@care.example", "password": "a lighthouse never hurries"}' | member token)"
echo 'Ada, a supervisor, reads who did what for whom:'
curl -s "$crm/audit?subject=cust-42" -H "$ada"
